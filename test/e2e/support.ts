/** What the end-to-end tests share: veer's commands in a lab, clients that stay, and what is left on the director. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { LabClient, Output } from '../../lab/host.js'
import { Lab } from '../../lab/topology.js'
import type { FileInput } from '../../src/config/schema.js'

/** How long to wait for what happens soon; a machine under load is no failure. */
export const DEADLINE = { timeout: 10_000, interval: 20 } as const

export const url = (vip: string, path = '/', port = 80): string =>
  `http://${vip.includes(':') ? `[${vip}]` : vip}${port === 80 ? '' : `:${port}`}${path}`

/** A lab or network, as far as its client goes. */
export interface WithClient {
  client: LabClient
}

/** A service as a configuration file says it. */
export interface ServiceFile {
  name: string
  vip: string
  port: number
  reals: (string | { address: string; weight?: number })[]
  [key: string]: unknown
}

export interface ConfigFile {
  version: 1
  interfaces: FileInput['interfaces'] | string[]
  services: ServiceFile[]
  [key: string]: unknown
}

/** The lab's own configuration with a conn table of 25 MB: room for all, and quick to make. */
export function configOf(lab: Lab, options: Parameters<Lab['config']>[0] = {}): ConfigFile {
  return { ...(lab.config(options) as ConfigFile), conns: { max: 200_000 } }
}

/** The configuration with one service edited. */
export function edited(config: ConfigFile, name: string, edit: Partial<ServiceFile>): ConfigFile {
  const services = config.services.map((service) => (service.name === name ? { ...service, ...edit } : service))
  return { ...config, services }
}

/** Runs veer, which must succeed without a word on stderr; what it printed. */
export async function veer(lab: Lab, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.veer(args)
  expect({ code, stderr }, `veer ${args.join(' ')}`).toEqual({ code: 0, stderr: '' })
  return stdout
}

export async function veerJson<T>(lab: Lab, ...args: string[]): Promise<T> {
  return JSON.parse(await veer(lab, ...args, '--json')) as T
}

/** How often each real answered `count` requests, one after the other and each on its own connection. */
export async function answersOf(lab: WithClient, vip: string, count: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {}
  for (let sent = 0; sent < count; sent++) {
    const { real } = await lab.client.get(url(vip))
    answers[real] = (answers[real] ?? 0) + 1
  }
  return answers
}

/** Everything on the director that an instance makes. */
export function traces(lab: Pick<Lab, 'director' | 'bpffs'>): object {
  const links = JSON.parse(lab.director.shell('ip -json address show')) as {
    ifname: string
    addr_info: { local?: string }[]
  }[]
  const attached = JSON.parse(lab.director.shell('ip -json link show')) as { ifname: string; xdp?: object }[]
  const pins = `${lab.bpffs}/veer`
  return {
    pins: existsSync(pins) ? [pins, ...readdirSync(pins, { recursive: true, encoding: 'utf8' })] : [],
    xdp: attached.filter(({ xdp }) => xdp !== undefined).map(({ ifname, xdp }) => ({ ifname, xdp })),
    addresses: links.flatMap(({ ifname, addr_info: own }) => own.map(({ local }) => `${local} on ${ifname}`)),
    multicast: lab.director.shell('cat /proc/thread-self/net/dev_mcast').split('\n').sort(),
  }
}

/** The command must fail with this code and one line on stderr; the line. */
export function failureLine({ code, stderr, stdout }: Output, expected = 1): string {
  expect({ code, stdout, lines: stderr.trimEnd().split('\n').length }, stderr).toEqual({ code: expected, stdout: '', lines: 1 })
  expect(stderr).toMatch(/^veer: /)
  return stderr.trimEnd()
}

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** A connection from the client that stays open. */
export class Stream implements AsyncDisposable {
  /** Who is at the other end. */
  real = ''
  error: string | undefined
  readonly #child: ChildProcess
  #received = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', ({ text, error }: { text?: string; error?: string }) => {
      this.#received += text ?? ''
      this.error ??= error
    })
  }

  static async open(lab: WithClient, vip: string): Promise<Stream> {
    const stream = new Stream(lab.client.fork(script('stream.mjs'), [url(vip, '/stream')]))
    await expect.poll(() => stream.#received, DEADLINE).toContain('\n')
    stream.real = stream.#received.trim()
    return stream
  }

  /** Sends and forgets. */
  say(text: string): void {
    this.#child.send(text)
  }

  has(text: string): boolean {
    return this.#received.includes(text)
  }

  /** Sends, and waits until the real has given it back. */
  async echo(text: string): Promise<void> {
    this.say(text)
    await expect.poll(() => this.error ?? this.#received, DEADLINE).toContain(text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child)
  }
}

/** A stream to one real, opened again and again until the scheduler comes to it. */
export async function streamTo(lab: Lab, vip: string, real: string): Promise<Stream> {
  for (let attempt = 0; attempt < lab.reals.length; attempt++) {
    const stream = await Stream.open(lab, vip)
    if (stream.real === real) return stream
    await stream[Symbol.asyncDispose]()
  }
  throw new Error(`no stream came to ${real}`)
}

export interface LoadResult {
  errors: string[]
  answers: Record<string, number>
}

/** Requests from the client without a pause. */
export class Load implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor(lab: Lab, vips: readonly string[]) {
    this.#child = lab.client.fork(
      script('load.mjs'),
      vips.map((vip) => url(vip)),
    )
  }

  async stop(): Promise<LoadResult> {
    const result = once(this.#child, 'message')
    this.#child.send('stop')
    const [message] = (await result) as [LoadResult]
    return message
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child)
  }
}

export interface PaceResult {
  sent: number
  /** When each began, in milliseconds of the clock. */
  failures: { startedAt: number; error: string }[]
}

/** Requests from the client at a steady pace. */
export class Pace implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor(lab: WithClient, target: string, perSecond: number) {
    this.#child = lab.client.fork(script('pace.mjs'), [target, `${perSecond}`])
  }

  /** How many it has begun. */
  async sent(): Promise<number> {
    return (await this.#ask<{ sent: number }>('sent')).sent
  }

  async reaches(count: number): Promise<void> {
    await expect.poll(() => this.sent(), { ...DEADLINE, interval: 100 }).toBeGreaterThanOrEqual(count)
  }

  stop(): Promise<PaceResult> {
    return this.#ask('stop')
  }

  async #ask<T>(question: string): Promise<T> {
    const answer = once(this.#child, 'message')
    this.#child.send(question)
    const [message] = (await answer) as [T]
    return message
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child)
  }
}
