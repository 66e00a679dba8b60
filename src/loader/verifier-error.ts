import type { InspectOptions } from 'node:util'
import { inspect } from 'node:util'
import { VeerError } from '../errors.js'

/** At most so many lines of the log are shown in the message. */
const SHOWN = 3

/** A program that the kernel's verifier refused. The message has the end of its log, {@link log} the whole. */
export class VerifierError extends VeerError {
  override readonly name = 'VerifierError'
  /** The program's name. */
  readonly program: string
  /** Symbolic errno: `EACCES`, `EINVAL`, `E2BIG` … */
  readonly errno: string
  /** What the verifier wrote, line by line. */
  readonly log: readonly string[]

  constructor(program: string, errno: string, log: string, cause?: unknown) {
    const lines = log.split('\n').map((line) => line.trimEnd()).filter((line) => line !== '')
    const shown = meaningfulLines(lines)
    const omitted = lines.length - shown.length
    const count = `${omitted} ${omitted === 1 ? 'line' : 'lines'}`
    const rest = omitted > 0 ? ` (${count} omitted; --verbose prints the whole log)` : ''
    const text = shown.length === 0 ? 'the verifier gave no reason' : shown.join('; ')
    super('LB_ERR_PROGRAM_REJECTED', `the verifier refused the program ${program}: ${errno}: ${text}${rest}`, { cause })
    this.program = program
    this.errno = errno
    this.log = lines
  }

  /** The whole log as one text. */
  get fullLog(): string {
    return this.log.join('\n')
  }

  [inspect.custom](_depth: number, _options: InspectOptions): string {
    return `${this.stack ?? this.message}\n${this.fullLog}`
  }
}

/** Statistics that the verifier and libbpf write after the reason. */
const STATISTICS = /^(processed \d+ insns|verification time|stack depth|insns processed|-- |mark_precise:)/
/** What was being verified, not why it failed: instructions, register states, branches, source lines. */
const CONTEXT = /^(\d+: |from \d+ to \d+|; |func#|R\d+(_w)?=|cur state:|old state:|last_idx|first_idx|parent )/

/** The reason: the last lines that are neither context nor statistics, and the source line they are about. */
function meaningfulLines(lines: readonly string[]): string[] {
  const reasonEnd = lines.findLastIndex((line) => !STATISTICS.test(line) && !CONTEXT.test(line))
  if (reasonEnd < 0) return lines.slice(-1)
  let start = reasonEnd
  while (start > 0 && reasonEnd - start < SHOWN - 1 && isReason(lines[start - 1] ?? '')) start--
  const source = lines.slice(0, start).findLast((line) => line.startsWith('; '))
  const reason = lines.slice(start, reasonEnd + 1)
  return source === undefined ? reason : [...reason, `in: ${source.slice(2)}`]
}

function isReason(line: string): boolean {
  return !STATISTICS.test(line) && !CONTEXT.test(line)
}
