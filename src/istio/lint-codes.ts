// Our own codes: what neither Istio's validation nor istioctl analyze sees, and what breaks a gray release all the same.

import type { Problem } from '../config/problem.ts'

interface LintCode {
  readonly severity: Problem['severity']
  /** What it finds, for the table of docs/istio.md. */
  readonly finds: string
}

export const lintCodes = {
  GL001: {
    severity: 'warning',
    finds: 'an exact (or loose prefix) match on X-Forwarded-For at a gateway, which appends its peer before it matches',
  },
  GL002: { severity: 'error', finds: 'a version that a gateway leads to and that a service behind it has no rule for' },
  GL003: { severity: 'error', finds: 'callers of one version that are sent to another' },
  GL004: {
    severity: 'warning',
    finds: 'versions that run one image, or share their pools: one build under several names',
  },
  GL005: { severity: 'error', finds: 'a host that is a placeholder' },
  GL006: { severity: 'warning', finds: 'an image that is a placeholder' },
  GL007: {
    severity: 'warning',
    finds: 'weights between versions: each file and each call of a page is drawn by itself',
  },
  GL008: { severity: 'warning', finds: 'a rule that can never fire (in routes.yaml too)' },
  GL009: { severity: 'error', finds: 'a match that stands beside its key instead of under it' },
  GL010: { severity: 'error', finds: 'visitors of one service who are sent to another' },
  GL011: { severity: 'info', finds: 'a version that no rule leads to' },
  GL012: {
    severity: 'warning',
    finds: 'a routed Service that can be reached past the gateway (NodePort, LoadBalancer)',
  },
  GL013: { severity: 'info', finds: 'a comment that says something else than what it stands beside' },
  GL014: { severity: 'warning', finds: 'a match on the Cookie header that misses what browsers send' },
  GL015: {
    severity: 'warning',
    finds: 'several VirtualServices of one host at one gateway: their order is that of their age',
  },
  GL016: { severity: 'info', finds: 'no rule for everybody else: they get 404' },
  GL017: {
    severity: 'warning',
    finds:
      'a destination with no endpoint, where other services have some; in routes.yaml a service with no pool in any version',
  },
  GL018: { severity: 'info', finds: 'files that say of no service what runs behind it' },
} as const satisfies Readonly<Record<string, LintCode>>

export type LintCodeName = keyof typeof lintCodes
