// The smallest action in JavaScript: it shows that actions without RDMA run beside those with it.
//
//   wsk action update hello-js examples/hello.js
//   wsk action invoke hello-js --result --param name Ada
function main (args) {
  // What is printed is in the activation's logs; what is returned is its result.
  console.log('greeting', args.name || 'nobody')
  return { greeting: `Hello, ${args.name || 'stranger'}!` }
}
