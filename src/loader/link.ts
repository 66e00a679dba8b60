import { VeerError, errnoOf } from '../errors.js'
import type { NativeLink, NativeLinkInfo } from '../native.js'
import { native } from '../native.js'
import { attachError, interfaceOf, missingInterface } from './attach-error.js'
import { missingFeature } from './features.js'
import type { Program } from './program.js'

/** `native`: in the driver, before an skb is made; `generic`: in the stack, on every interface, slower. */
export type XdpMode = 'native' | 'generic'

export interface XdpOptions {
  /** Of the interface, in the network namespace that this thread is in. */
  ifindex: number
  /** `auto` (default): native, and generic where the driver has no XDP. */
  mode?: XdpMode | 'auto'
}

/** Which packets of an interface a TC program sees: those that come in, or those that go out. */
export type TcDirection = 'ingress' | 'egress'

export interface TcxOptions {
  ifindex: number
  direction: TcDirection
}

export interface XdpAttachment {
  link: Link
  /** What `auto` came to. */
  mode: XdpMode
}

const XDP_FLAGS = { generic: 2, native: 4 } as const

/** A program attached somewhere. Unless it is pinned, closing the last handle detaches it. */
export class Link implements Disposable {
  readonly native: NativeLink

  constructor(handle: NativeLink) {
    this.native = handle
  }

  /** A link that was pinned at `path`; throws `ENOENT` when there is none. */
  static openPinned(path: string): Link {
    return new Link(native().openPinnedLink(path))
  }

  info(): NativeLinkInfo {
    return this.native.info()
  }

  /**
   * Puts another program in its place; no packet passes without one of both.
   *
   * @param replaced - When given, fails with `EPERM` unless this is the program there now.
   */
  update(program: Program, replaced?: Program): void {
    this.native.update(program.native, replaced?.native)
  }

  pin(path: string): void {
    this.native.pin(path)
  }

  /** Detaches now, whoever else holds the link. */
  detach(): void {
    this.native.detach()
  }

  close(): void {
    this.native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * Attaches an XDP program to an interface by a `bpf_link` (Linux 5.9).
 *
 * @throws VeerError `LB_ERR_INTERFACE_BUSY` when another XDP program is there, naming it;
 *   `LB_ERR_INTERFACE_MISSING`, `LB_ERR_XDP_UNSUPPORTED` (native asked for, and the driver has none),
 *   `LB_ERR_KERNEL_TOO_OLD` or `LB_ERR_PROGRAM_ATTACH`.
 */
export function attachXdp(program: Program, options: XdpOptions): XdpAttachment {
  const { ifindex, mode = 'auto' } = options
  if (mode !== 'auto') return attachXdpAs(program, ifindex, mode)
  try {
    return attachXdpAs(program, ifindex, 'native')
  } catch (error) {
    if (!(error instanceof VeerError) || error.code !== 'LB_ERR_XDP_UNSUPPORTED') throw error
    return attachXdpAs(program, ifindex, 'generic')
  }
}

function attachXdpAs(program: Program, ifindex: number, mode: XdpMode): XdpAttachment {
  try {
    return { link: new Link(native().createXdpLink(program.native, ifindex, XDP_FLAGS[mode])), mode }
  } catch (cause) {
    throw xdpError(program, ifindex, mode, cause)
  }
}

/**
 * Attaches a TC program by a TCX link (Linux 6.6), after those that are there.
 *
 * @throws VeerError `LB_ERR_INTERFACE_MISSING`, `LB_ERR_KERNEL_TOO_OLD` or `LB_ERR_PROGRAM_ATTACH`.
 */
export function attachTcx(program: Program, { ifindex, direction }: TcxOptions): Link {
  try {
    return new Link(native().createTcxLink(program.native, ifindex, direction))
  } catch (cause) {
    const where = interfaceOf(ifindex)
    throw missingInterface(ifindex, cause)
      ?? missingFeature('TCX links', cause)
      ?? attachError(`the program ${program.name} to ${where} (tcx ${direction})`, cause)
  }
}

function xdpError(program: Program, ifindex: number, mode: XdpMode, cause: unknown): VeerError {
  const name = interfaceOf(ifindex)
  const code = errnoOf(cause)
  if (code === 'EBUSY' || code === 'EEXIST') return busyError(ifindex, name, cause)
  if (code === 'EOPNOTSUPP' && mode === 'native') {
    return new VeerError('LB_ERR_XDP_UNSUPPORTED', `the driver of ${name} has no native XDP`, {
      hint: 'set the interface to xdp: generic, or auto',
      cause,
    })
  }
  return (
    missingInterface(ifindex, cause) ??
    missingFeature('XDP attached by bpf_link', cause) ??
    attachError(`the XDP program ${program.name} to ${name} (${mode})`, cause)
  )
}

function busyError(ifindex: number, name: string, cause: unknown): VeerError {
  const { programId, mode } = native().queryXdp(ifindex)
  const details = `${programName(programId)} (id ${programId}, ${mode})`
  const who = programId === 0 ? 'another XDP program' : `the XDP program ${details}`
  const device = mode === 'generic' ? 'xdpgeneric' : 'xdp'
  return new VeerError('LB_ERR_INTERFACE_BUSY', `${name} already runs ${who}`, {
    hint: `remove it first: ip link set dev ${name} ${device} off, or bpftool link detach if a link holds it`,
    cause,
  })
}

function programName(id: number): string {
  try {
    const handle = native().programById(id)
    const { name } = handle.info()
    handle.close()
    return name
  } catch {
    // It may have gone meanwhile; its id is still worth saying.
    return 'of unknown name'
  }
}
