/** One host of the lab: a network namespace and the processes in it. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

/** What a finished process left. */
export interface Output {
  /** Exit code; 128 + signal when it was killed, as a shell says it. */
  code: number
  stdout: string
  stderr: string
}

export interface ExecOptions {
  /** Kills the process after so long; default 30 s. */
  timeoutMs?: number
  input?: string
}

/** Runs a command to its end, whatever its exit code. */
export async function exec(command: string, args: readonly string[], options: ExecOptions = {}): Promise<Output> {
  const limits = { timeout: options.timeoutMs ?? 30_000, maxBuffer: 256 * 1024 * 1024, encoding: 'utf8' } as const
  return new Promise((resolve) => {
    const child = execFile(command, args, limits, (error, stdout, stderr) => {
      // A number: the exit code. Otherwise it did not start, or was killed.
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
      resolve({ code, stdout, stderr: code === 255 && stderr === '' ? (error?.message ?? '') : stderr })
    })
    child.stdin?.end(options.input)
  })
}

export class LabHost {
  /** The name of its namespace, for `ip netns` and `veer --netns`. */
  readonly netns: string

  constructor(netns: string) {
    this.netns = netns
  }

  /**
   * nsenter and not `ip netns exec`: that one also makes a mount namespace with a new /sys, where the pins of the
   * lab would be missing.
   */
  command(command: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', [`--net=/run/netns/${this.netns}`, '--', command, ...args]]
  }

  /** Runs a command in this host to its end, whatever its exit code. */
  async exec(command: string, args: readonly string[], options?: ExecOptions): Promise<Output> {
    return exec(...this.command(command, args), options)
  }

  /** Runs shell commands in this host; throws when one fails. */
  shell(script: string): string {
    const [command, args] = this.command('sh', ['-eu'])
    return execFileSync(command, args, { input: script, encoding: 'utf8', stdio: 'pipe' })
  }

  /** Starts a Node.js program in this host, with an IPC channel. */
  fork(script: string, args: readonly string[]): ChildProcess {
    const [command, all] = this.command(process.execPath, [script, ...args])
    return spawn(command, all, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  }
}

/** A client: sends requests as a user would. */
export class LabClient extends LabHost {
  /** The body that curl got; throws with curl's message when the request failed. */
  async curl(url: string, args: readonly string[] = []): Promise<string> {
    const output = await this.exec('curl', ['--silent', '--show-error', '--globoff', '--max-time', '5', ...args, url])
    if (output.code !== 0) throw new Error(`curl ${url}: ${output.stderr.trim()}`)
    return output.stdout
  }

  /** Asks a real over HTTP who it is. */
  async get(url: string): Promise<HttpAnswer> {
    return JSON.parse(await this.curl(url)) as HttpAnswer
  }

  /** Sends one UDP datagram; the answer, the name of a socket error such as ECONNREFUSED, or undefined: none in time. */
  async udp(address: string, port: number, text = 'who', timeoutMs = 1000): Promise<string | undefined> {
    const script = new URL('udp-client.mjs', import.meta.url).pathname
    const { code, stdout } = await this.exec(process.execPath, [script, address, `${port}`, text, `${timeoutMs}`])
    return code === 0 ? stdout : undefined
  }
}

/** What a real's HTTP server says. */
export interface HttpAnswer {
  real: string
  /** The client's address as the real sees it. */
  client: string
  /** Bytes of the request's body, and their SHA-256 in hex. */
  received: number
  digest: string
}

/** What a real has been asked. */
export interface SeenRequest {
  protocol: 'tcp' | 'udp'
  client: string
  path?: string
}

/** A real server: HTTP and a UDP service that answer with the real's name. */
export class LabReal extends LabHost {
  readonly name: string
  readonly addresses: readonly string[]
  #server: ChildProcess | undefined

  constructor(netns: string, name: string, addresses: readonly string[]) {
    super(netns)
    this.name = name
    this.addresses = addresses
  }

  /** Starts the servers on `ports`, TCP and UDP; `vips` must be on an interface of this real by now. */
  async serve(ports: readonly number[], vips: readonly string[]): Promise<void> {
    const settings = { name: this.name, ports, addresses: [...this.addresses, ...vips] }
    this.#server = this.fork(new URL('server.mjs', import.meta.url).pathname, [JSON.stringify(settings)])
    await this.#reply('ready')
  }

  /** All that the servers have been asked so far. A request is in it before its answer is sent. */
  async requests(): Promise<SeenRequest[]> {
    this.#server?.send('requests')
    return (await this.#reply('requests')) as SeenRequest[]
  }

  async #reply(kind: string): Promise<unknown> {
    const server = this.#server
    if (server === undefined) throw new Error(`${this.name} serves nothing`)
    const ended = once(server, 'exit').then(() => Promise.reject(new Error(`the server of ${this.name} has ended`)))
    ended.catch(() => {})
    const [message] = (await Promise.race([once(server, 'message'), ended])) as [{ kind: string; value: unknown }]
    if (message.kind !== kind) throw new Error(`${this.name} said ${message.kind}, not ${kind}`)
    return message.value
  }

  /** Lets the servers live on when this process ends. */
  letGo(): void {
    this.#server?.send('stay')
    this.#server?.disconnect()
    this.#server?.unref()
  }

  /** The real goes silent: its servers end. */
  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined || server.exitCode !== null) return
    const ended = once(server, 'exit')
    server.kill()
    await ended
  }
}
