/**
 * How Node.js runs a checker. What a check makes is garbage when it ends; the space for that would double under load and not
 * shrink again, up to a process half as large again for nothing.
 */
export const CHECKER_EXEC_ARGV = ['--max-semi-space-size=8']
