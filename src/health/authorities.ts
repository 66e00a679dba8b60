/** The certificate authorities that this system trusts. */
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { errnoOf } from '../errors.js'

/** Where distributions keep them as one file: Debian and Alpine; Fedora and RHEL; openSUSE. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/ca-bundle.pem',
]

/** In PEM: what SSL_CERT_FILE names, else the distribution's, else those that Node.js brings along. */
export function systemAuthorities(): string | readonly string[] {
  const named = process.env.SSL_CERT_FILE
  if (named !== undefined && named !== '') return readFileSync(named, 'utf8')
  for (const bundle of BUNDLES) {
    try {
      return readFileSync(bundle, 'utf8')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
  return rootCertificates
}
