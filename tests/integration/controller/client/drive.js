// Drives the controller with the real `openwhisk` client and prints what each call gave, as JSON.
// usage: node drive.js API_HOST KEY
'use strict';

const openwhisk = require('openwhisk');

const [apihost, apiKey] = process.argv.slice(2);
const ow = openwhisk({ apihost, api_key: apiKey });
const TEXT = 'def main(a): return a';

async function outcome(promise) {
  try {
    return { value: await promise };
  } catch (error) {
    return { status: error.statusCode, error: error.error };
  }
}

async function recorded(activationId) {
  const deadline = Date.now() + 20000;
  for (;;) {
    const found = await outcome(ow.activations.get(activationId));
    if (found.value || Date.now() > deadline) return found;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

async function main() {
  const seen = {};
  seen.created = await outcome(ow.actions.create({ name: 'echo', kind: 'python:default', action: TEXT }));
  seen.again = await outcome(ow.actions.create({ name: 'echo', action: TEXT }));
  seen.updated = await outcome(ow.actions.update({
    name: 'echo', kind: 'python:3', action: TEXT, params: { d: 1 }, annotations: { note: 'x' }, limits: { memory: 128 }
  }));
  seen.zip = await outcome(ow.actions.update({ name: 'zip', kind: 'python:3', action: Buffer.alloc(60000, 7) }));
  seen.zipGot = await outcome(ow.actions.get('zip'));
  seen.got = await outcome(ow.actions.get({ name: 'echo', code: false }));
  seen.missing = await outcome(ow.actions.get('nosuch'));
  seen.blocking = await outcome(ow.actions.invoke({ name: 'echo', blocking: true, params: { x: 2 } }));
  seen.result = await outcome(ow.actions.invoke({ name: 'echo', blocking: true, result: true, params: { x: 3 } }));
  await outcome(ow.actions.update({ name: 'fail', kind: 'python:3', action: TEXT }));
  seen.failed = await outcome(ow.actions.invoke({ name: 'fail', blocking: true }));
  seen.started = await outcome(ow.actions.invoke({ name: 'echo', params: { x: 4 } }));
  const activationId = seen.started.value.activationId;
  seen.record = await recorded(activationId);
  seen.activationResult = await outcome(ow.activations.result(activationId));
  seen.logs = await outcome(ow.activations.logs({ name: activationId }));
  seen.activations = await outcome(ow.activations.list({ name: 'echo', limit: 2, docs: true }));
  seen.activationCount = await outcome(ow.activations.list({ count: true }));
  seen.packaged = await outcome(ow.packages.create({
    name: 'pkg', package: { parameters: [{ key: 'p', value: 'pv' }] }
  }));
  seen.inPackage = await outcome(ow.actions.create({ name: 'pkg/act', kind: 'python:3', action: TEXT }));
  seen.fromPackage = await outcome(ow.actions.invoke({ name: 'pkg/act', blocking: true, result: true }));
  seen.package = await outcome(ow.packages.get('pkg'));
  seen.sequence = await outcome(ow.actions.create({ name: 'seq', sequence: ['/_/echo', '/_/echo'] }));
  seen.sequenceResult = await outcome(ow.actions.invoke({ name: 'seq', blocking: true, result: true, params: { s: 1 } }));
  seen.namespaces = await outcome(ow.namespaces.list());
  seen.namespace = await outcome(ow.namespaces.get('_'));
  seen.actions = await outcome(ow.actions.list({ limit: 50 }));
  seen.deleted = await outcome(ow.actions.delete(['echo', 'zip', 'fail', 'pkg/act', 'seq']));
  seen.packageDeleted = await outcome(ow.packages.delete('pkg'));
  seen.left = await outcome(ow.actions.list({ count: true }));
  const stranger = openwhisk({ apihost, api_key: 'no:body' });
  seen.stranger = await outcome(stranger.actions.list());
  console.log(JSON.stringify(seen));
}

main();
