/** Servers that behave, and servers that do not, on a port of their own of the loopback. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { LOOPBACK } from './targets.js'

export interface TestServer extends AsyncDisposable {
  port: number
}

/** How a server treats a connection. */
export type Talk = (socket: Socket) => void

/** A TCP server that treats each connection so. */
export async function tcpServer(talk: Talk = () => undefined): Promise<TestServer> {
  return listening(createServer({ allowHalfOpen: false }, talk))
}

/** Over TLS with this certificate. */
export async function tlsServer({ cert, key }: Certificate, talk: Talk = () => undefined): Promise<TestServer> {
  const server = createTlsServer({ cert, key }, talk)
  server.on('tlsClientError', () => undefined)
  return listening(server)
}

async function listening(server: ReturnType<typeof createServer>): Promise<TestServer> {
  const sockets = new Set<Socket>()
  const follow = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }
  server.on('connection', follow)
  server.on('secureConnection', follow)
  server.listen(0, LOOPBACK)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      sockets.forEach((socket) => socket.destroy())
      server.close()
      await once(server, 'close')
    },
  }
}

/** Says this to whoever asks, and ends the connection. */
export const says = (answer: string | Buffer): Talk => (socket) => {
  socket.once('data', () => socket.end(answer))
}

/** An HTTP answer. */
export function http(status: string, body = '', headers: readonly string[] = []): string {
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', ...headers]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** A UDP server; without an answer it is silent. */
export async function udpServer(answer?: (message: Buffer) => Buffer | string): Promise<TestServer> {
  const socket = createSocket('udp4')
  socket.on('message', (message, { port, address }) => {
    if (answer !== undefined) socket.send(answer(message), port, address)
  })
  socket.bind(0, LOOPBACK)
  await once(socket, 'listening')
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await tcpServer()
  await server[Symbol.asyncDispose]()
  return server.port
}

export interface Certificate {
  cert: string
  key: string
}

/** Signed by itself, for these names; made by openssl(1). */
export function certificate(names: string, days: { from: string; to: string }): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'veer-cert-'))
  try {
    const [cert, key] = [join(directory, 'cert'), join(directory, 'key')]
    const request = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-subj', '/CN=test']
    const csr = execFileSync('openssl', [...request, '-addext', `subjectAltName=${names}`], { stdio: ['ignore', 'pipe', 'pipe'] })
    const database = join(directory, 'index')
    const config = `[ca]\ndefault_ca=c\n[c]\ndatabase=${database}\nnew_certs_dir=${directory}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n`
    execFileSync('sh', ['-euc', 'printf %s "$1" >"$0/ca.conf"; : >"$0/index"; cat >"$0/csr"', directory, config], { input: csr })
    const sign = ['ca', '-batch', '-selfsign', '-config', join(directory, 'ca.conf'), '-in', join(directory, 'csr'), '-keyfile', key]
    execFileSync('openssl', [...sign, '-startdate', days.from, '-enddate', days.to, '-out', cert, '-notext'], { stdio: 'pipe' })
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
