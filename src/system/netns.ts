/** The network namespace that the director's interfaces live in. */
import { statSync } from 'node:fs'
import { errnoOf, VeerError } from '../errors.js'
import { native } from '../native.js'

/** Where `ip netns add NAME` puts its files. */
export const NAMED_NAMESPACES = '/run/netns'

const OWN_NAMESPACE = '/proc/self/ns/net'

/**
 * A network namespace. Only the network namespace is ever entered: mounts, and so BPF pins
 * and /run, stay those of the caller.
 */
export class NetworkNamespace {
  /** The namespace file; undefined: the one this process runs in. */
  readonly #path: string | undefined

  private constructor(path: string | undefined) {
    this.#path = path
  }

  /** The namespace that this process runs in. */
  static current(): NetworkNamespace {
    return new NetworkNamespace(undefined)
  }

  /**
   * The namespace of `--netns`: a name as `ip netns` knows it, or the path of a namespace file.
   * Without one, the current namespace. Throws `LB_ERR_NETNS_MISSING`.
   */
  static open(nameOrPath?: string): NetworkNamespace {
    if (nameOrPath === undefined) return NetworkNamespace.current()
    const path = nameOrPath.includes('/') ? nameOrPath : `${NAMED_NAMESPACES}/${nameOrPath}`
    try {
      statSync(path)
    } catch (cause) {
      throw new VeerError('LB_ERR_NETNS_MISSING', `cannot enter network namespace ${nameOrPath}: no ${path}`, {
        hint: 'list the named ones with: ip netns list',
        cause,
      })
    }
    return new NetworkNamespace(path)
  }

  /**
   * Runs `callback` in this namespace. It must be synchronous; sockets that it opens and processes
   * that it starts belong to this namespace for good.
   */
  run<T>(callback: () => T): T {
    if (this.#path === undefined) return callback()
    try {
      return native().withNetns(this.#path, callback)
    } catch (error) {
      throw this.#explain(error)
    }
  }

  /** The inode that identifies the namespace as long as it exists. */
  inode(): bigint {
    return statSync(this.#path ?? OWN_NAMESPACE, { bigint: true }).ino
  }

  toString(): string {
    return this.#path ?? 'the current network namespace'
  }

  /** An error of entering the namespace in a user's words; what `callback` threw stays as it is. */
  #explain(error: unknown): unknown {
    const entering = error instanceof Error && 'syscall' in error && error.syscall === 'setns'
    if (!entering) return error
    const reason = errnoOf(error) === 'EPERM' ? 'needs CAP_SYS_ADMIN' : error.message
    return new VeerError('LB_ERR_NETNS_UNUSABLE', `cannot enter network namespace ${this.#path}: ${reason}`, {
      hint: errnoOf(error) === 'EPERM' ? 'run as root' : 'name a network namespace file',
      cause: error,
    })
  }
}
