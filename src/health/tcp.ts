/** Connections of checks. They leave no TIME_WAIT with us: ports are few, and used again within seconds. */
import { Socket } from 'node:net'
import { errnoOf } from '../errors.js'
import { formatEndpoint } from '../net/address.js'
import type { CheckRun } from './check-run.js'
import { isOwnFault } from './fault.js'

/** A real that answers the SYN is up. */
export function checkTcp(run: CheckRun): void {
  connect(run, () => run.succeed())
}

/** That the real has this long to close its side of a connection that it was asked to close, in milliseconds. */
const CLOSING_MS = 100

/** What an error of connect() means; RFC 792 and RFC 4443 types as include/net/icmp.h and net/ipv6/icmp.c turn them into errnos. */
const CONNECT_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EHOSTUNREACH: 'no route (ICMP host unreachable)',
  ENETUNREACH: 'no route (ICMP network unreachable)',
  EACCES: 'no route (ICMP administratively prohibited)',
  ENOPROTOOPT: 'no route (ICMP protocol unreachable)',
}

/**
 * What node:http shall do when a message is over, in place of closing: the side that closes first keeps TIME_WAIT.
 * Nothing can be written any more.
 */
export function letPeerClose(socket: Socket): void {
  // The type does not know that a Duplex lets this be set.
  ;(socket as { writable: boolean }).writable = false
  if (socket.readableEnded) socket.destroy()
  else socket.once('end', () => socket.destroy())
  socket.resume()
}

export class ProbeSocket extends Socket {
  override destroySoon(): void {
    letPeerClose(this)
  }

  /** Closes at once and without TIME_WAIT: by RST, or, when the peer has closed already, by FIN. */
  discard(): void {
    if (this.connecting) this.destroy()
    else if (!this.destroyed) this.resetAndDestroy()
  }

  /** Gives the peer time to close first. */
  discardSoon(discarded: () => void): void {
    if (this.destroyed) return discarded()
    const timer = setTimeout(() => this.discard(), CLOSING_MS)
    this.once('close', () => {
      clearTimeout(timer)
      discarded()
    })
    this.resume()
  }
}

/** Connects to what the check is addressed to; `connected` is not called when that fails. */
export function connect(run: CheckRun, connected: (socket: ProbeSocket) => void): void {
  const { source, destination, destinationPort } = run.target
  const socket = new ProbeSocket()
  run.begin('connect', run.watched ? describe(run) : '', () => timedOut(run))
  run.hold({
    release(answered, released) {
      if (answered) return socket.discardSoon(released)
      socket.discard()
      released()
    },
  })
  socket.on('error', (error) => connectionFailed(run, error))
  socket.once('connect', () => {
    if (run.watched) run.note('SYN-ACK')
    connected(socket)
  })
  const local = source === undefined ? {} : { localAddress: source, localPort: run.sourcePort }
  socket.connect({ host: destination, port: destinationPort, ...local })
  // connect() runs in the next tick. When it fails there, no packet has left: the fault is ours.
  process.nextTick(() => {
    if (socket.destroyed) run.fault(socket.errored)
  })
}

function describe({ target: { source, destination, destinationPort }, sourcePort }: CheckRun): string {
  const to = formatEndpoint(destination, destinationPort)
  return source === undefined ? to : `${formatEndpoint(source, sourcePort)} to ${to}`
}

function timedOut(run: CheckRun): void {
  run.fail(`connect: no SYN-ACK in ${run.patience}`)
}

/** What an error of the connection means at the step that the check is at. */
export function connectionFailed(run: CheckRun, error: Error): void {
  const code = errnoOf(error) ?? error.message
  if (isOwnFault(error)) return run.fault(error)
  if (run.step === 'request') return run.fail(`no answer: ${CONNECTION_FAILURES[code] ?? code}`)
  if (run.step !== 'connect') return run.fail(`${run.step}: ${CONNECTION_FAILURES[code] ?? code}`)
  // A RST in place of the SYN-ACK is ECONNREFUSED; so this real has accepted the connection.
  if (code === 'ECONNRESET' && run.target.check.kind === 'tcp') return run.succeed()
  if (code === 'ETIMEDOUT') timedOut(run)
  else run.fail(`connect: ${CONNECT_FAILURES[code] ?? code}`)
}

const CONNECTION_FAILURES: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed',
}
