/** What is wrong, for programs; docs/config.md lists the meanings. */
export const PROBLEM_CODES = {
  yaml_syntax: 'The file is no YAML.',
  empty_file: 'The file says nothing.',
  missing_key: 'A key that has no default is not there.',
  unknown_key: 'The key means nothing here.',
  duplicate_key: 'The key is there twice.',
  not_supported: 'The key or value is known, but does not work yet in this version.',
  wrong_type: 'The value is of another kind than the key needs.',
  bad_value: 'The value is not one of those allowed, out of range, or malformed.',
  duplicate_name: 'Two services have one name.',
  duplicate_service: 'Two services have one VIP, port and protocol.',
  duplicate_real: 'A real is twice in one service.',
  duplicate_interface: 'An interface is there twice.',
  duplicate_peer: 'A peer is there twice.',
  port_translated: 'A real has another port than its service, and the forwarding method translates no ports.',
  port_zero: 'A service on every port has a scheduler that cannot serve it, or a real with a port.',
  icmp_port: 'A service of protocol icmp, or a real of it, has a port.',
  one_packet: 'One-packet scheduling with another protocol than udp, or with nat.',
  thresholds: 'A lower threshold without an upper one, or above it.',
  mixed_families: "A real's address is of another family than the VIP.",
  vip_is_real: 'An address is both a VIP and a real.',
  vip_disagreement: 'Services that share a VIP say different things about it.',
  group_disagreement: 'Services of one persistence group have different VIPs or masks, or two groups cannot be told apart.',
  health_timeout: 'A check may take longer than the interval between two.',
  health_port: 'It does not follow from the service which port a check is for.',
  health_body: 'A body is wanted of an answer that has none.',
  quorum: 'A quorum that cannot be reached, or a hysteresis by which it is never lost.',
  sorry_server: 'A sorry server that is a real of the service or a VIP, or that would never serve.',
  slow_start: 'A slow start with a scheduler whose weights are no shares.',
  duplicate_source: 'A network of ping sources is there twice.',
  too_many: 'There are more than the maps hold.',
} as const

export type ProblemCode = keyof typeof PROBLEM_CODES

/** One thing that is wrong with a configuration file. */
export interface Problem {
  /** Where, as `services[2].reals[0].weight`; empty for the file as a whole. */
  path: string
  /** From 1. */
  line: number
  /** From 1. */
  column: number
  code: ProblemCode
  message: string
}

/** A problem before its line is known. */
export interface Fault {
  path: readonly (string | number)[]
  code: ProblemCode
  message: string
}

/** `services[2].reals[0].weight`. */
export function formatPath(path: readonly (string | number)[]): string {
  return path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('').replace(/^\./, '')
}

/** `veer.yaml:12:7: services[2].reals[0].weight: expected a number of at most 65535`. */
export function formatProblem(fileName: string, problem: Problem): string {
  const subject = problem.path === '' ? '' : `${problem.path}: `
  return `${fileName}:${problem.line}:${problem.column}: ${subject}${problem.message}`
}
