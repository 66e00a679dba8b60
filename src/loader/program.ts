import type { NativeProgram, NativeProgramInfo, NativeTestRunOptions, NativeTestRunResult } from '../native.js'
import { native } from '../native.js'

/** A loaded program. It stays in the kernel while a link, a pin, a map or a handle holds it. */
export class Program implements Disposable {
  readonly native: NativeProgram
  /** As in the object file; the kernel keeps only the first 15 bytes. */
  readonly name: string

  constructor(handle: NativeProgram, name: string = handle.info().name) {
    this.native = handle
    this.name = name
  }

  /** A program that was pinned at `path`; throws `ENOENT` when there is none. */
  static openPinned(path: string): Program {
    return new Program(native().openPinnedProgram(path))
  }

  /** Asks the kernel; the numbers of a loaded program do not change. */
  info(): NativeProgramInfo {
    return this.native.info()
  }

  get id(): number {
    return this.info().id
  }

  /**
   * Runs the program on a packet without a network (`BPF_PROG_TEST_RUN`), on this CPU, its effects on maps being real.
   * An XDP packet has at least 14 bytes.
   */
  run(options: NativeTestRunOptions): NativeTestRunResult {
    return this.native.testRun(options)
  }

  /** As {@link run}, off the event loop, for large `repeat`. */
  runAsync(options: NativeTestRunOptions): Promise<NativeTestRunResult> {
    return this.native.testRunAsync(options)
  }

  pin(path: string): void {
    this.native.pin(path)
  }

  close(): void {
    this.native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
