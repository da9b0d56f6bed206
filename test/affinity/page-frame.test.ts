import { describe, expect, test } from 'vitest'
import { pageKind, type RequestMarks } from '../../src/affinity/page-kind.ts'

interface Row {
  readonly says: string
  /** Sec-Fetch-Site */
  readonly site?: string
  /** Sec-Fetch-Dest */
  readonly dest?: string
  readonly fields?: Readonly<Record<string, string>>
  /** Whether the frame is part of an open page, for visitors whose pin holds and for those with a stale one or none. */
  readonly held: boolean
  readonly else: boolean
}

/** At shop.test:8443. */
function frame({ site, dest = 'iframe', fields = {} }: Row): RequestMarks {
  const all: Readonly<Record<string, string | undefined>> = {
    host: 'shop.test:8443',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': dest,
    'sec-fetch-site': site,
    ...fields,
  }
  return { method: 'GET', get: (name) => all[name] }
}

const from = (referer: string): Readonly<Record<string, string>> => ({ referer })
const amongStrangers = { 'sec-fetch-storage-access': 'inactive' }

/** Chromium 156 was seen to send each of these (test/browser/frames.test.ts). */
const onePinAHost: readonly Row[] = [
  { says: 'of the same origin', site: 'same-origin', held: true, else: true },
  { says: 'of the same origin, in <object>,', site: 'same-origin', dest: 'object', held: true, else: true },
  {
    says: 'of the same origin, in a page of another site,',
    site: 'same-origin',
    fields: amongStrangers,
    held: true,
    else: true,
  },
  {
    says: 'that a page of another port loads',
    site: 'same-site',
    fields: from('https://shop.test:9443/'),
    held: true,
    else: true,
  },
  {
    says: 'that a page of another port loads, which sends no Referer,',
    site: 'same-site',
    held: true,
    else: false,
  },
  {
    says: 'that comes back from a login at another site',
    site: 'cross-site',
    fields: from('https://Shop.test:8443/account'),
    held: true,
    else: true,
  },
  {
    says: 'that comes back from a login at another host',
    site: 'same-site',
    fields: from('https://shop.test:8443/account'),
    held: true,
    else: true,
  },
  {
    says: 'that a page of another host loads',
    site: 'same-site',
    fields: from('https://portal.shop.test/'),
    held: true,
    else: false,
  },
  {
    says: 'in <embed> that a page of another host loads',
    site: 'same-site',
    dest: 'embed',
    fields: from('https://portal.shop.test/'),
    held: true,
    else: false,
  },
  {
    says: 'that a bank in a frame of the page leads back',
    site: 'cross-site',
    fields: from('https://bank.test/'),
    held: true,
    else: false,
  },
  {
    says: 'in a page of another site',
    site: 'cross-site',
    fields: { ...from('https://teams.test/'), ...amongStrangers },
    held: false,
    else: false,
  },
  {
    says: 'in a page of another site, with cookies,',
    site: 'cross-site',
    fields: { 'sec-fetch-storage-access': 'active' },
    held: false,
    else: false,
  },
  {
    says: 'whose Referer only begins like the host',
    site: 'cross-site',
    fields: from('https://shop.test.evil.test/'),
    held: true,
    else: false,
  },
  { says: 'whose Referer is no URL', site: 'cross-site', fields: from('shop.test:8443'), held: true, else: false },
  { says: 'that says no site', held: true, else: false },
]

const onePinADomain: readonly Row[] = [
  {
    says: 'that a page of another host of the release loads',
    site: 'same-site',
    fields: from('https://www.shop.test/'),
    held: true,
    else: true,
  },
  {
    says: 'that another host of the site loads, which is not of the release,',
    site: 'same-site',
    fields: from('https://portal.shop.test/'),
    held: true,
    else: false,
  },
  { says: 'that another host of the site loads without a Referer', site: 'same-site', held: true, else: true },
  { says: 'that another site loads without a Referer', site: 'cross-site', held: true, else: false },
]

describe('a frame', () => {
  const kind = (isPart: boolean): string => (isPart ? 'subresource' : 'document')

  test.each(onePinAHost)('$says is part of an open page: $held where the pin holds, else $else', (row) => {
    expect(pageKind(frame(row), undefined, true)).toBe(kind(row.held))
    expect(pageKind(frame(row), undefined, false)).toBe(kind(row.else))
  })

  test.each(onePinADomain)('with pin.domain, $says is part of an open page: $held, else $else', (row) => {
    const sharesPin = (host: string): boolean => host === 'shop.test' || host === 'www.shop.test'
    expect(pageKind(frame(row), undefined, true, sharesPin)).toBe(kind(row.held))
    expect(pageKind(frame(row), undefined, false, sharesPin)).toBe(kind(row.else))
  })

  test('of an address of IPv6 is told by the address, whatever the port', () => {
    const at = (referer: string): RequestMarks =>
      frame({ says: '', site: 'same-site', fields: { host: '[::1]:8443', referer }, held: true, else: true })
    expect(pageKind(at('https://[::1]:9443/'))).toBe('subresource')
    expect(pageKind(at('https://[::1]/'))).toBe('subresource')
    expect(pageKind(at('https://[::2]:8443/'))).toBe('document')
  })

  test('is one by Sec-Fetch-Dest alone: a page that the same page links to is none', () => {
    const link = frame({
      says: '',
      site: 'same-origin',
      dest: 'document',
      fields: from('https://shop.test:8443/'),
      held: true,
      else: true,
    })
    expect(pageKind(link, undefined, true)).toBe('document')
  })
})
