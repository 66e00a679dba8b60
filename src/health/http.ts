/** Checks by HTTP/1.1: one request on one connection; redirects are not followed. */
import type { IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { DEFAULTS } from '../config/defaults.js'
import { errnoOf } from '../errors.js'
import { familyOf } from '../net/address.js'
import type { CheckRun } from './check-run.js'
import type { HttpCheck, HttpsCheck } from './expectation.js'
import { httpExpectation } from './expectation.js'
import type { ProbeTarget } from './protocol.js'
import { connect, connectionFailed } from './tcp.js'
import { startTls } from './tls.js'

/** The headers of an answer may have this many bytes. */
const HEADER_BYTES = 16_384

export function checkHttp(run: CheckRun, check: HttpCheck): void {
  connect(run, (socket) => exchange(run, check, socket))
}

export function checkHttps(run: CheckRun, check: HttpsCheck): void {
  connect(run, (socket) => startTls(run, check, socket, (tls) => exchange(run, check, tls)))
}

function exchange(run: CheckRun, check: HttpCheck, socket: Socket): void {
  const { method, path } = check
  run.begin('request', run.watched ? `${method} ${path}` : '', `no answer in ${run.patience}`)
  // As a list: it is sent as it is, where an object would be taken apart, kept and put together again.
  const headers = ['Host', hostHeader(check, run.target), 'User-Agent', 'veer', 'Accept', '*/*', 'Connection', 'close']
  const request = httpRequest({
    createConnection: () => socket,
    method,
    path,
    headers,
    setHost: false,
    maxHeaderSize: HEADER_BYTES,
  })
  request.on('error', (error) => exchangeFailed(run, error))
  request.once('response', (response) => judge(run, check, response))
  // 101: the connection is not ours to speak on any more.
  request.once('upgrade', (response) => judge(run, check, response))
  request.end()
}

function hostHeader({ kind, host }: HttpCheck, { vip, destinationPort }: ProbeTarget): string {
  if (host !== undefined) return host
  const name = familyOf(vip) === 6 ? `[${vip}]` : vip
  return destinationPort === (kind === 'https' ? 443 : 80) ? name : `${name}:${destinationPort}`
}

function judge(run: CheckRun, check: HttpCheck, response: IncomingMessage): void {
  const { status, body } = httpExpectation(check)
  const code = response.statusCode ?? 0
  response.on('error', () => run.fail('body: connection closed before its end'))
  run.begin('status', run.watched ? `${code} ${response.statusMessage ?? ''}`.trimEnd() : '', '')
  if (status(code) && body !== undefined) return readBody(run, response, body)
  response.resume()
  run.answered()
  if (status(code)) run.succeed()
  else run.fail(`status ${code}`)
}

function readBody(run: CheckRun, response: IncomingMessage, pattern: RegExp): void {
  const chunks: Buffer[] = []
  let bytes = 0
  run.begin('body', String(pattern), `body: no end in ${run.patience}`)
  const decide = (): void => {
    const text = Buffer.concat(chunks).subarray(0, DEFAULTS.health.bodyBytes).toString()
    if (pattern.test(text)) run.succeed()
    else run.fail(`body does not match ${String(pattern)}`)
  }
  response.on('data', (chunk: Buffer) => {
    if (run.ended) return
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= DEFAULTS.health.bodyBytes) decide()
  })
  response.on('end', () => {
    run.answered()
    decide()
  })
}

/** An error of the request: of its connection, or of what came as an answer. */
function exchangeFailed(run: CheckRun, error: Error): void {
  const code = errnoOf(error) ?? ''
  if (code === 'HPE_HEADER_OVERFLOW') run.fail(`answer: more than ${HEADER_BYTES / 1024} KiB of headers`)
  else if (code.startsWith('HPE_')) run.fail('answer is no HTTP/1.1')
  else if (code === 'ECONNRESET' && !('syscall' in error)) run.fail('no answer: connection closed')
  else connectionFailed(run, error)
}
