// OpenWhisk's container contract in one file: POST /init, POST /run, sentinels. No fork protocol.
// For tests and for the health action; not a replacement of OpenWhisk's Node.js runtime.
'use strict'

const http = require('http')
const vm = require('vm')

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n'
const VARIABLES = ['api_key', 'namespace', 'action_name', 'action_version', 'activation_id',
  'transaction_id', 'deadline']
let action = null

class Refused extends Error {
  constructor (status, text) {
    super(text)
    this.status = status
  }
}

function initialise (value) {
  if (action) throw new Refused(403, 'Cannot initialize the action more than once.')
  if (!value || typeof value.code !== 'string' || !value.code) {
    throw new Refused(403, 'Missing main/no code to execute.')
  }
  if (value.binary) throw new Refused(502, 'This test runtime takes no zip.')
  Object.assign(process.env, value.env || {})
  const main = value.main || 'main'
  try {
    const context = vm.createContext({ require, process, console, Buffer, setTimeout, clearTimeout })
    vm.runInContext(value.code, context, { filename: 'action.js' })
    action = vm.runInContext(main, context)
    if (typeof action !== 'function') throw new TypeError(`${main} is no function`)
  } catch (error) {
    action = null
    console.error(error)
    throw new Refused(502, `Initialization has failed due to: ${error}`)
  }
  return { ok: true }
}

async function run (request) {
  if (!action) throw new Refused(500, 'The action is not initialized yet: send /init first.')
  for (const name of VARIABLES) {
    if (request[name] !== undefined) process.env['__OW_' + name.toUpperCase()] = request[name]
  }
  let result
  try {
    result = await action(request.value || {})
  } catch (error) {
    console.error(error)
    throw new Refused(502, `An error has occurred: ${error && error.message ? error.message : error}`)
  }
  if (result === undefined) return {}
  if (result === null || typeof result !== 'object') {
    throw new Refused(502, 'The action did not return a dictionary or array.')
  }
  return result
}

async function answer (path, body) {
  let ended = path === '/run'
  try {
    const content = JSON.parse(body)
    if (path === '/init') return [200, initialise(content.value)]
    if (path === '/run') return [200, await run(content)]
    return [404, { error: `There is no ${path}.` }]
  } catch (error) {
    ended = true
    return [error.status || 400, { error: error.message }]
  } finally {
    if (ended) {
      process.stdout.write(SENTINEL)
      process.stderr.write(SENTINEL)
    }
  }
}

const server = http.createServer((request, response) => {
  const pieces = []
  request.on('data', piece => pieces.push(piece))
  request.on('end', async () => {
    const [status, content] = await answer(request.url, Buffer.concat(pieces).toString())
    const data = Buffer.from(JSON.stringify(content))
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': data.length })
    response.end(data)
  })
})
server.listen(Number(process.env.PORT || 8080), '0.0.0.0')
process.on('SIGTERM', () => process.exit(0))
