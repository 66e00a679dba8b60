/** Stable codes of {@link VeerError}; docs/errors.md says what each means and how to solve it. */
export type ErrorCode = `LB_ERR_${string}`

export interface VeerErrorOptions {
  /** What to do next, as a half sentence that follows the message. */
  hint?: string
  cause?: unknown
}

/**
 * An error that a user can meet: one line that says what failed, on what and why.
 * Everything else that is thrown is a defect of veer.
 */
export class VeerError extends Error {
  override readonly name: string = 'VeerError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: VeerErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

/** The symbolic errno of a system error (`ENOENT`), or undefined when `error` is none. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
