// A private authority for tests of TLS.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** An authority, and a certificate for 127.0.0.1 that it signed, by the openssl of the machine. */
export function certificatesIn(parent: string): { key: Buffer; cert: Buffer; ca: string } {
  const path = join(parent, 'tls')
  mkdirSync(path, { mode: 0o700 })
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: path, stdio: 'ignore' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '1',
    '-subj',
    '/CN=A private authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  )
  openssl('req', ...newKey, '-subj', '/CN=127.0.0.1', '-keyout', 'key.pem', '-out', 'request.pem')
  writeFileSync(join(path, 'names'), 'subjectAltName=IP:127.0.0.1\n')
  openssl(
    'x509',
    '-req',
    '-in',
    'request.pem',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    'names',
    '-out',
    'cert.pem',
  )
  const read = (name: string) => readFileSync(join(path, name))
  return { key: read('key.pem'), cert: read('cert.pem'), ca: join(path, 'ca.pem') }
}
