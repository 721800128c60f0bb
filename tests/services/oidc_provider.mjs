// The certified provider of npm's oidc-provider, on loopback, with its own pages for signing in:
//
//     node oidc_provider.mjs '{"port": ..., "jwks": {...}, "client": {...}}'
//
// Whoever is named there exists, with an address of that name in the domain that follows the "@",
// else in northwind.example. It keeps everything in memory: a restart forgets codes and sessions.
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const { port, jwks, client, modules } = JSON.parse(process.argv[2]);
const found = createRequire(path.join(modules, 'x.js')).resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(found));

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks,
  clients: [client],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  cookies: { keys: ['only for tests, and for a minute'] },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: id.includes('@') ? id : `${id}@northwind.example`,
      email_verified: id !== 'unverified',
      name: id,
    }),
  }),
});
provider.listen(port, '127.0.0.1', () => console.log(`Listening on ${port}`));
