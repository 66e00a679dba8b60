/** The TLS of https checks. */
import { isIP } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { connect as tlsConnect, createSecureContext } from 'node:tls'
import { errnoOf } from '../errors.js'
import { systemAuthorities } from './authorities.js'
import type { CheckRun } from './check-run.js'
import type { HttpsCheck } from './expectation.js'
import type { ProbeSocket } from './tcp.js'
import { connectionFailed, letPeerClose } from './tcp.js'

/** Made once: a context with all authorities takes milliseconds. */
const contexts = new Map<boolean, SecureContext>()

function contextFor(verify: boolean): SecureContext {
  const context = contexts.get(verify) ?? createSecureContext(verify ? { ca: [systemAuthorities()].flat() } : {})
  contexts.set(verify, context)
  return context
}

/** Shakes hands over a connection; `secured` is not called when that fails. */
export function startTls(run: CheckRun, check: HttpsCheck, socket: ProbeSocket, secured: (tls: TLSSocket) => void): void {
  const name = hostName(check.host)
  const isName = name !== undefined && isIP(name) === 0
  run.begin('tls', isName ? `server name ${name}` : 'no server name', `tls: no handshake in ${run.patience}`)
  const tls = tlsConnect({
    socket,
    // What the certificate must be for; RFC 6066 section 3: an address is no server name.
    host: name ?? run.target.vip,
    servername: isName ? name : '',
    secureContext: contextFor(check.verify),
    rejectUnauthorized: check.verify,
    ALPNProtocols: ['http/1.1'],
  })
  tls.destroySoon = () => letPeerClose(tls)
  tls.on('error', (error: Error) => handshakeFailed(run, error))
  tls.once('secureConnect', () => {
    if (run.watched) run.note([tls.getProtocol(), tls.getCipher().name].join(' '))
    secured(tls)
  })
}

/** Of `host` as it is in the Host header, which may have a port. */
function hostName(host: string | undefined): string | undefined {
  if (host === undefined || isIP(host) !== 0) return host
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

function handshakeFailed(run: CheckRun, error: Error): void {
  if (run.step !== 'tls') return connectionFailed(run, error)
  const code = errnoOf(error) ?? ''
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return run.fail(`tls: certificate is not for ${certifiedName(run)}`)
  // OpenSSL's own words, without its place in the source.
  if ('reason' in error && typeof error.reason === 'string') return run.fail(`tls: ${error.reason}`)
  if (code === 'ECONNRESET' && !('syscall' in error)) return run.fail('tls: connection closed')
  if ('syscall' in error) connectionFailed(run, error)
  else run.fail(`tls: ${error.message}`)
}

function certifiedName({ target: { check, vip } }: CheckRun): string {
  return hostName('host' in check ? check.host : undefined) ?? vip
}
