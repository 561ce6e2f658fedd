import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, problemText } from '../src/api.ts';
import { expiryOf, inFragment, shareFrom, tokenFrom, tokenFromPaste } from '../src/credential.ts';

const TOKEN = 'aaa.bbb-_c.ddd';

test('a token is found in the fragment, then in the query', () => {
  assert.equal(tokenFrom(new URL(`http://h/watch/1#token=${TOKEN}`)), TOKEN);
  assert.equal(tokenFrom(new URL(`http://h/watch/1?token=${TOKEN}`)), TOKEN);
  assert.equal(tokenFrom(new URL(`http://h/watch/1?token=x.y.z#token=${TOKEN}`)), TOKEN);
  assert.equal(tokenFrom(new URL('http://h/watch/1')), null);
});

test('a token that moves into the fragment leaves the rest of the address as it is', () => {
  const moved = inFragment(new URL(`http://h/watch/1?token=${TOKEN}&t=90#t=7`), TOKEN);
  assert.equal(moved.search, '?t=90');
  assert.equal(tokenFrom(moved), TOKEN);
  assert.equal(new URLSearchParams(moved.hash.slice(1)).get('t'), '7');
  assert.equal(inFragment(new URL(`http://h/watch/1?token=${TOKEN}`), TOKEN).href, `http://h/watch/1#token=${TOKEN}`);
});

test('what cannot stand in a header is no token', () => {
  assert.equal(tokenFrom(new URL('http://h/watch/1#token=a%0d%0aX: y')), null);
  assert.equal(tokenFromPaste('two words'), null);
  assert.equal(tokenFromPaste(''), null);
});

test('the secret of a share is found in the fragment alone', () => {
  assert.equal(shareFrom(new URL('http://h/watch/1#share=Ab_-9')), 'Ab_-9');
  assert.equal(shareFrom(new URL('http://h/watch/1?share=Ab_-9')), null);
  assert.equal(shareFrom(new URL('http://h/watch/1#share=a%0d%0ab')), null);
  assert.equal(tokenFrom(new URL('http://h/watch/1#share=Ab_-9')), null);
});

test('the expiry of a capability is read', () => {
  const body = btoa(JSON.stringify({ e: 1_800_000_000_000_000 })).replace(/=/g, '');
  assert.equal(expiryOf(`tc1.${body}.x`), 1_800_000_000_000);
  assert.equal(expiryOf(`x.${body}.x`), null);
});

test('people paste tokens, header lines and addresses', () => {
  assert.equal(tokenFromPaste(` ${TOKEN}\n`), TOKEN);
  assert.equal(tokenFromPaste(`Bearer ${TOKEN}`), TOKEN);
  assert.equal(tokenFromPaste(`Authorization: Bearer ${TOKEN}`), TOKEN);
  assert.equal(tokenFromPaste(`http://h/watch/1#token=${TOKEN}`), TOKEN);
});

test('the expiry of a token is read, and nonsense has none', () => {
  const payload = Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString('base64url');
  assert.equal(expiryOf(`x.${payload}.y`), 1_700_000_000_000);
  assert.equal(expiryOf('x.e30.y'), null);
  assert.equal(expiryOf('nonsense'), null);
});

test('a problem document becomes a sentence', () => {
  assert.equal(problemText('{"title":"Not found","detail":"no such recording"}', 404), 'Not found: no such recording');
  assert.equal(problemText('{"error":"token expired","status":401}', 401), 'token expired');
  assert.equal(problemText('<html>', 502), 'The server answered with status 502.');
  assert.equal(problemText('null', 500), 'The server answered with status 500.');
  assert.equal(new ApiError(401, 'x').needsToken, true);
  assert.equal(new ApiError(403, 'x').needsToken, false);
});
