import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errnoOf } from '../../../src/errors.js'
import { runCheck } from '../../../src/health/check.js'
import type { Talk, TestServer } from './servers.js'
import { certificate, closedPort, http, says, tcpServer, tlsServer, udpServer } from './servers.js'
import { LOOPBACK, targetOf } from './targets.js'

type Keys = Record<string, unknown>
type Case = [what: string, check: Keys, server: () => Promise<TestServer>, step: string, reason: string]

const OK = ''

async function outcome(check: Keys, server: () => Promise<TestServer>): Promise<{ ok: boolean; step: string; reason: string }> {
  await using real = await server()
  const { ok, step, reason } = await runCheck(targetOf(check, real.port))
  return { ok, step, reason }
}

function verify([, check, server, step, reason]: Case): Promise<void> {
  return expect(outcome(check, server)).resolves.toEqual({ ok: reason === OK, step, reason })
}

const closed = async (): Promise<TestServer> => ({ port: await closedPort(), [Symbol.asyncDispose]: () => Promise.resolve() })
const answering = (answer: string | Buffer) => (): Promise<TestServer> => tcpServer(says(answer))
const silent = (): Promise<TestServer> => tcpServer()

/** The head at once, then a byte every 20 ms, for ever. */
const slowly = (text: string, head = '') => (): Promise<TestServer> =>
  tcpServer((socket) => {
    let sent = 0
    socket.write(head)
    const timer = setInterval(() => socket.write(text[sent++] ?? ' '), 20)
    socket.on('close', () => clearInterval(timer))
  })

const endless = (): Promise<TestServer> =>
  tcpServer((socket) => {
    const more = (): void => {
      while (socket.write(Buffer.alloc(65_536, 'x')));
    }
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n')
    socket.on('drain', more)
    more()
  })

describe('tcp', () => {
  it.each<Case>([
    ['a port that listens', { kind: 'tcp' }, silent, 'connect', OK],
    ['a port that nobody listens on', { kind: 'tcp' }, closed, 'connect', 'connect: refused'],
    ['a server that resets at once', { kind: 'tcp' }, () => tcpServer((socket) => void socket.resetAndDestroy()), 'connect', OK],
  ])('%s', (...each) => verify(each))
})

describe('http', () => {
  const check = { kind: 'http', path: '/healthz' }
  const body = { ...check, body: '^all (is )?well' }
  it.each<Case>([
    ['200', check, answering(http('200 OK')), 'status', OK],
    ['204', check, answering('HTTP/1.1 204 No Content\r\n\r\n'), 'status', OK],
    ['HTTP/1.0', check, answering('HTTP/1.0 200 OK\r\n\r\nhello'), 'status', OK],
    ['a status that is not wanted', check, answering(http('503 Service Unavailable')), 'status', 'status 503'],
    ['a redirect', check, answering(http('302 Found', '', ['Location: /'])), 'status', 'status 302'],
    ['100 Continue before the answer', check, answering(`HTTP/1.1 100 Continue\r\n\r\n${http('200 OK')}`), 'status', OK],
    ['one wanted status', { ...check, status: 404 }, answering(http('404 Not Found')), 'status', OK],
    ['the end of a range', { ...check, status: '200-204,301' }, answering(http('301 Moved')), 'status', OK],
    ['outside all ranges', { ...check, status: '200-204,301' }, answering(http('205 Reset')), 'status', 'status 205'],
    ['101', { ...check, status: 101 }, answering('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'), 'status', OK],
    ['a body that matches', body, answering(http('200 OK', 'all well')), 'body', OK],
    ['a body that ends with the connection', body, answering('HTTP/1.1 200 OK\r\n\r\nall is well'), 'body', OK],
    ['a body in chunks', body, answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n4\r\nwell\r\n0\r\n\r\n'), 'body', OK],
    ['a body that does not match', body, answering(http('200 OK', 'not well')), 'body', 'body does not match /^all (is )?well/'],
    ['the status counts before the body', body, answering(http('500 Oops', 'all well')), 'status', 'status 500'],
    ['a body without an end that matches', { ...check, body: 'xxx' }, endless, 'body', OK],
    ['a body without an end, not asked for', check, endless, 'status', OK],
    ['a body that is cut off', body, answering('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nall well'), 'body', 'body: connection closed before its end'],
    ['a body that does not end', body, slowly('all well', 'HTTP/1.1 200 OK\r\n\r\n'), 'body', 'body: no end in 500 ms'],
    ['refused', check, closed, 'connect', 'connect: refused'],
    ['silence', check, silent, 'request', 'no answer in 500 ms'],
    ['a header a byte at a time', check, slowly(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(99)}`), 'request', 'no answer in 500 ms'],
    ['closed without an answer', check, answering(''), 'request', 'no answer: connection closed'],
    ['closed within the header', check, answering('HTTP/1.1 200 OK\r\nServer: x'), 'request', 'no answer: connection closed'],
    ['reset', check, () => tcpServer((socket) => void socket.once('data', () => socket.resetAndDestroy())), 'request', 'no answer: connection reset'],
    ['something else than HTTP', check, answering('SSH-2.0-OpenSSH_9.2\r\n'), 'request', 'answer is no HTTP/1.1'],
    ['bytes', check, answering(Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 37) % 256))), 'request', 'answer is no HTTP/1.1'],
    ['too many headers', check, answering(http('200 OK', '', [`X: ${'x'.repeat(20_000)}`])), 'request', 'answer: more than 16 KiB of headers'],
  ])('%s', (...each) => verify(each))

  it.each([
    ['the VIP and its port', { kind: 'http' }, 'GET', '/', '203.0.113.10:PORT'],
    ['as configured', { kind: 'http', host: 'example.com', path: '/a?b=c', method: 'HEAD' }, 'HEAD', '/a?b=c', 'example.com'],
  ])('asks for %s', async (_title, check, method, path, host) => {
    let asked = ''
    await using server = await tcpServer((socket) => {
      socket.on('data', (data) => {
        asked += data.toString()
        socket.end(http('200 OK'))
      })
    })
    await runCheck(targetOf(check, server.port))
    const [line, ...headers] = asked.replace(`:${server.port}`, ':PORT').trimEnd().split('\r\n')
    expect(line).toBe(`${method} ${path} HTTP/1.1`)
    expect(headers).toEqual([`Host: ${host}`, 'User-Agent: veer', 'Accept: */*', 'Connection: close'])
  })
})

describe('the end of a connection', () => {
  /** Says this to whoever asks, and leaves the connection open. */
  const answers = (answer: string): Talk => (socket) => void socket.on('data', () => socket.write(answer))

  /** How the server hears of it. */
  async function endOf(check: Keys, talk: Talk): Promise<string> {
    let hear: (how: string) => void = () => undefined
    const heard = new Promise<string>((resolve) => (hear = resolve))
    await using server = await tcpServer((socket) => {
      socket.on('error', (error) => hear(errnoOf(error) ?? error.message))
      socket.on('end', () => hear('end'))
      talk(socket)
    })
    await expect(runCheck(targetOf(check, server.port))).resolves.toMatchObject({ ok: true })
    return await heard
  }

  // Whoever closes first keeps TIME_WAIT: after a RST nobody does.
  it.each<[what: string, check: Keys, talk: Talk]>([
    ['tcp', { kind: 'tcp' }, (socket) => socket.resume()],
    ['http, when the server does not close though it was asked to', { kind: 'http' }, answers(http('200 OK', 'well'))],
    ['http, when enough of a body has been read', { kind: 'http', body: 'well' }, answers(http('200 OK', 'well'.repeat(99_999)))],
  ])('is a RST: %s', async (_what, check, talk) => {
    await expect(endOf(check, talk)).resolves.toBe('ECONNRESET')
  })

  it('is the FIN of an http server that closes when it has been asked to', async () => {
    await expect(endOf({ kind: 'http' }, says(http('200 OK')))).resolves.toBe('end')
  })
})

describe('https', () => {
  const check = { kind: 'https', host: 'real.test' }
  const good = certificate('DNS:real.test,IP:203.0.113.10', { from: '20200101000000Z', to: '20990101000000Z' })
  const old = certificate('DNS:real.test', { from: '20200101000000Z', to: '20210101000000Z' })
  const trusted = join(mkdtempSync(join(tmpdir(), 'veer-ca-')), 'ca.pem')

  beforeAll(() => {
    writeFileSync(trusted, good.cert + old.cert)
    process.env.SSL_CERT_FILE = trusted
  })

  afterAll(() => {
    delete process.env.SSL_CERT_FILE
    rmSync(join(trusted, '..'), { recursive: true })
  })

  const stranger = certificate('DNS:real.test', { from: '20200101000000Z', to: '20990101000000Z' })
  const over = (which: typeof good, answer = http('200 OK')) => () => tlsServer(which, says(answer))
  const strict = { ...check, verify: true }
  it.each<Case>([
    ['any certificate', check, over(stranger), 'status', OK],
    ['a certificate that has expired, when nobody asks', check, over(old), 'status', OK],
    ['the status', check, over(stranger, http('503 No')), 'status', 'status 503'],
    ['a body', { ...check, body: 'well' }, over(good, http('200 OK', 'well')), 'body', OK],
    ['a certificate of an authority, for the host', strict, over(good), 'status', OK],
    ['a certificate for the VIP, when there is no host', { kind: 'https', verify: true }, over(good), 'status', OK],
    ['a host with a port', { ...strict, host: 'real.test:8443' }, over(good), 'status', OK],
    ['expired', strict, over(old), 'tls', 'tls: certificate has expired'],
    ['of nobody known', strict, over(stranger), 'tls', 'tls: self-signed certificate'],
    ['for another host', { ...strict, host: 'other.test' }, over(good), 'tls', 'tls: certificate is not for other.test'],
    ['for another address', { ...strict, host: '203.0.113.11' }, over(good), 'tls', 'tls: certificate is not for 203.0.113.11'],
    ['no TLS', check, answering(http('200 OK')), 'tls', 'tls: wrong version number'],
    ['silence', check, silent, 'tls', 'tls: no handshake in 500 ms'],
    ['closed in the handshake', check, () => tcpServer((socket) => void socket.end()), 'tls', 'tls: connection closed'],
    ['reset in the handshake', check, () => tcpServer((socket) => void socket.once('data', () => socket.resetAndDestroy())), 'tls', 'tls: connection reset'],
    ['silence after the handshake', check, () => tlsServer(good), 'request', 'no answer in 500 ms'],
    ['refused', check, closed, 'connect', 'connect: refused'],
  ])('%s', (...each) => verify(each))
})

describe('udp', () => {
  const check = { kind: 'udp', send: 'who' }
  const echo = (): Promise<TestServer> => udpServer((message) => message)
  it.each<Case>([
    ['any answer', check, echo, 'answer', OK],
    ['silence, when no answer is wanted', check, () => udpServer(), 'request', OK],
    ['nobody there', check, closed, 'request', 'no answer: ICMP port unreachable'],
    ['an answer that matches', { ...check, expect: '^who$' }, echo, 'answer', OK],
    ['bytes that match', { ...check, send: '0x00ff10', expect: '^\\x00\\xff\\x10$' }, echo, 'answer', OK],
    ['an empty datagram', { ...check, send: '', expect: '^$' }, echo, 'answer', OK],
    ['an answer that does not match', { ...check, expect: 'me' }, echo, 'answer', 'answer does not match'],
    ['silence, when an answer is wanted', { ...check, expect: 'me' }, () => udpServer(), 'request', 'no answer in 500 ms'],
  ])('%s', (...each) => verify(each))
})

describe('exec', () => {
  const run = (script: string): Keys => ({ kind: 'exec', command: ['/bin/sh', '-c', script] })
  it.each<Case>([
    ['status 0', run('exit 0'), silent, 'exec', OK],
    ['another status', run('exit 2'), silent, 'exec', 'exit status 2'],
    ['a signal', run('kill -TERM $$'), silent, 'exec', 'killed by SIGTERM'],
    ['no end', run('sleep 60 & sleep 60'), silent, 'exec', 'killed after 500 ms'],
    ['no program', { kind: 'exec', command: ['/nowhere/check'] }, silent, 'exec', 'cannot run /nowhere/check: ENOENT'],
    ['its environment', run('test "$VEER_ADDRESS $VEER_SERVICE $VEER_REAL $VEER_SOURCE" = "127.0.0.1 web 127.0.0.1 "'), silent, 'exec', OK],
  ])('%s', (...each) => verify(each))
})

describe('what is not the fault of the real', () => {
  it.each([
    ['an address that we do not have', { kind: 'tcp' }, '192.0.2.77', 'EADDRNOTAVAIL'],
    ['the same for udp', { kind: 'udp' }, '192.0.2.77', 'EADDRNOTAVAIL'],
  ])('%s', async (_title, check, source, errno) => {
    await using server = await tcpServer()
    const target = targetOf(check, server.port, { source })
    await expect(runCheck(target, { sourcePort: 40_001 })).rejects.toMatchObject({
      code: 'LB_ERR_CHECK_IMPOSSIBLE',
      message: `cannot check ${LOOPBACK}:${server.port} from ${source}:40001: ${errno}`,
    })
  })

  it.each(['tcp', 'udp'])('a connect() that fails before anything is sent: %s', async (kind) => {
    // To IPv6 from an IPv4 address.
    const target = targetOf({ kind }, 80, { source: LOOPBACK, destination: '2001:db8::1' })
    await expect(runCheck(target, { sourcePort: 40_002 })).rejects.toMatchObject({ code: 'LB_ERR_CHECK_IMPOSSIBLE' })
  })

  it('a port that is in use', async () => {
    await using server = await tcpServer()
    await using taken = await tcpServer()
    const target = targetOf({ kind: 'tcp' }, server.port, { source: LOOPBACK })
    await expect(runCheck(target, { sourcePort: taken.port })).rejects.toMatchObject({ cause: { code: 'EADDRINUSE' } })
  })

  it('that somebody gives up', async () => {
    await using server = await silent()
    const stop = new AbortController()
    const check = runCheck(targetOf({ kind: 'http' }, server.port), { signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(check).rejects.toThrow('enough')
    await expect(runCheck(targetOf({ kind: 'tcp' }, server.port), { signal: stop.signal })).rejects.toThrow('enough')
  })
})

describe('steps', () => {
  it('are told in order, with what came of them', async () => {
    await using server = await tcpServer(says(http('200 OK', 'all well')))
    const steps: string[] = []
    const onStep = (step: string, detail: string): void => void steps.push(`${step}: ${detail}`)
    await runCheck(targetOf({ kind: 'http', body: 'well' }, server.port), { onStep })
    expect(steps).toEqual([
      `connect: ${LOOPBACK}:${server.port}`,
      'connect: SYN-ACK',
      'request: GET /',
      'status: 200 OK',
      'body: /well/',
      'body: ok',
    ])
  })
})
