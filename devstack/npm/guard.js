// Loaded before pouchdb-server (node --require): every request needs the devstack's credentials.
//
// pouchdb-server's own accounts are no use for this: with them an unauthenticated request ends
// the process ("db.info is not a function", 4.2.0), and documents stay readable for everybody.
'use strict';

const crypto = require('crypto');
const http = require('http');

const expected = Buffer.from(
  'Basic ' + Buffer.from(process.env.STORE_CREDENTIALS).toString('base64')
);
delete process.env.STORE_CREDENTIALS;

function allowed(request) {
  const given = Buffer.from(request.headers.authorization || '');
  return given.length === expected.length && crypto.timingSafeEqual(given, expected);
}

const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, request, response) {
  if (event !== 'request' || allowed(request)) {
    if (event === 'request') {
      // The server would look the user up among accounts that it does not have.
      delete request.headers.authorization;
    }
    return emit.apply(this, arguments);
  }
  response.writeHead(401, {
    'Content-Type': 'application/json',
    'WWW-Authenticate': 'Basic realm="devstack"',
  });
  response.end('{"error":"unauthorized","reason":"Name or password is incorrect."}\n');
  return true;
};
