// Every word of the page, in English and Chinese. `word('name', value...)` puts values in place of {0}, {1}.

/** @public tests hold the languages to each other */
export const words = {
  skip: ['Skip to the graph', '跳到流量图'],
  window: ['Window of the figures', '统计窗口'],
  seconds: ['{0} s', '{0} 秒'],
  minutes: ['{0} min', '{0} 分钟'],
  theme: ['Theme: {0}', '主题：{0}'],
  themeAuto: ['auto', '自动'],
  themeLight: ['light', '浅色'],
  themeDark: ['dark', '深色'],
  overview: ['Overview', '概览'],
  graph: ['Traffic', '流量'],
  versions: ['Versions, side by side', '版本对比'],
  rules: ['Gray rules', '灰度规则'],
  rulesHint: ['Top to bottom, the first hit decides', '自上而下，首个命中者生效'],
  explain: ['Explain', '解释'],
  explainHint: ['Which version would this request get, and why', '这个请求会得到哪个版本，为什么'],
  decisions: ['Last decisions', '最近的决策'],
  reloads: ['Reloads', '配置重载记录'],
  release: ['Release', '应用'],

  requestRate: ['Requests', '请求'],
  perSecond: ['/s', '/秒'],
  errors: ['Answered 5xx', '5xx 占比'],
  p50: ['Median', '中位延迟'],
  p99: ['99th percentile', 'P99 延迟'],
  sockets: ['Open sockets', '长连接'],
  crossings: ['crossings', '串版本'],
  coverage: ['{0} of {1} answers named their version', '{1} 个响应中有 {0} 个报告了版本'],
  coverageNone: ['No answer named its version (x-served-version)', '没有响应报告版本（x-served-version）'],
  crossedPair: ['{0}: asked {1}, {2} answered', '{0}：请求 {1}，应答的是 {2}'],
  ready: ['ready', '就绪'],
  starting: ['starting', '启动中'],
  draining: ['draining', '排空中'],
  closed: ['closed', '已关闭'],
  lost: ['no connection to the gateway, trying again', '与网关的连接已断开，正在重试'],
  configuration: ['configuration {0}', '配置 {0}'],
  workersServe: ['{0} of {1} workers', '{1} 个进程中 {0} 个可用'],
  refusedNow: ['the file on disk was refused', '磁盘上的配置被拒绝'],

  clients: ['clients', '客户端'],
  edge: ['edge', '边缘'],
  ownAnswers: ['{0} answered here', '{0} 由边缘应答'],
  stable: ['stable', '稳定版'],
  gray: ['gray', '灰度'],
  drainingRole: ['draining', '排空中'],
  idle: ['no rule', '无规则'],
  noSubset: ['no subset', '无子集'],
  seen: ['seen in traffic', '流量中所见'],
  shareOf: ['{0} % share', '{0} % 访客'],
  ruleCount: ['{0} rules', '{0} 条规则'],
  oneRule: ['1 rule', '1 条规则'],
  endpointsCount: ['{0} endpoints', '{0} 个端点'],
  outOfBalancing: ['out', '已摘除'],
  graphLabel: [
    '{0} requests a second from clients through the edge; {1}; {2} crossings',
    '每秒 {0} 个请求经过边缘；{1}；串版本 {2} 次',
  ],
  graphVersion: ['{0} gets {1} a second', '{0} 每秒 {1} 个'],
  nothingSeen: [
    'No traffic in this window yet. Versions of manifests are drawn as they are seen.',
    '此窗口内还没有流量。清单中的版本在出现流量后绘出。',
  ],
  legendLent: ['lent by another version', '借用其他版本'],
  legendCrossing: ['crossing', '串版本'],

  rate: ['Rate', '速率'],
  pinsSeen: ['Pins seen', '出现过的会话标记'],
  pinsFive: ['5 min', '5 分钟'],
  pinsHour: ['hour', '1 小时'],
  pinsDay: ['day', '1 天'],
  everyoneElse: ['everyone else', '其余所有人'],
  hits: ['hits', '命中'],
  sinceStart: ['{0} since start', '启动以来 {0}'],
  noRules: ['No gray rules: everyone gets {0}.', '没有灰度规则：所有人使用 {0}。'],

  everybody: ['everybody', '所有人'],
  conditionOr: [' or ', ' 或 '],
  conditionAnd: [' and ', ' 且 '],
  listComma: [', ', '、'],
  listMore: ['{0} and {1} more', '{0} 等，另有 {1} 个'],
  conditionExact: ['{0} = {1}', '{0} = {1}'],
  conditionPrefix: ['{0} = {1}…', '{0} = {1}…'],
  conditionRegex: ['{0} ~ {1}', '{0} ~ {1}'],
  conditionIn: ['{0} in {1}', '{0} 属于 {1}'],
  conditionPresent: ['{0} present', '带有 {0}'],
  conditionHidden: ['{0} (not shown)', '{0}（不显示）'],
  conditionNot: ['not: {0}', '不满足：{0}'],
  partClientIp: ['address', '地址'],
  partUri: ['path', '路径'],
  partScheme: ['scheme', '协议'],
  partMethod: ['method', '方法'],
  partAuthority: ['host', '主机'],
  partHeaders: ['header {0}', '请求头 {0}'],
  partWithoutHeaders: ['header {0}', '请求头 {0}'],
  partQueryParams: ['query {0}', '查询参数 {0}'],
  partCookies: ['cookie {0}', 'Cookie {0}'],
  partPort: ['port', '端口'],
  partSourceLabels: ['labels', '来源标签'],

  listener: ['Listener', '监听端口'],
  edgeListener: ['{0}, edge', '{0}，边缘'],
  internalListener: ['{0}, internal', '{0}，内部'],
  edgeHint: ['Where browsers come in', '浏览器从这里进入'],
  internalHint: [
    'An internal listener finds the service by the host of the URL, and the version by who calls: its x-version, or its address.',
    '内部监听端口按 URL 的主机名找到服务，按调用方确定版本：它带的 x-version，或它的地址。',
  ],
  address: ['Client address', '客户端地址'],
  caller: ['Address of the caller', '调用方地址'],
  url: ['URL or path', 'URL 或路径'],
  method: ['Method', '方法'],
  cookies: ['Cookies', 'Cookie'],
  headers: ['Other headers, one a line', '其他请求头，每行一个'],
  pageLoad: ['A page load (Accept: text/html)', '页面加载（Accept: text/html）'],
  ask: ['Explain', '解释'],
  goesTo: ['{0} of {1}', '{1} 的 {0}'],
  answersItself: ['the edge answers {0} itself', '由边缘直接应答 {0}'],
  because: ['because: {0}', '原因：{0}'],
  ofRule: ['rule {0}', '规则 {0}'],
  setsPin: ['sets a pin', '写入会话标记'],
  noVersion: ['no version', '无版本'],

  'reason-rule': ['a gray rule names this visitor', '灰度规则点名了这位访客'],
  'reason-share': ['a share drew this visitor', '按比例抽中了这位访客'],
  'reason-pin': ['the visitor was promised this version', '此前已向访客承诺这个版本'],
  'reason-page': ['the page says that it is of this version', '页面自报属于这个版本'],
  'reason-stable': ['no rule takes this visitor elsewhere', '没有规则把访客带到别处'],
  'reason-prefetch': ['the page may be of another version when it is visited', '访问时页面可能属于另一版本'],
  'reason-preflight': ['a CORS preflight, which names nobody', 'CORS 预检请求，不代表任何访客'],
  'reason-preview': ['a preview link was opened', '打开了预览链接'],
  'reason-stale': ['the page is of a version that is gone', '页面所属的版本已不存在'],
  'reason-fallback': ['the version decided on cannot answer', '原定版本无法应答'],
  'reason-unavailable': ['the version of the page cannot answer', '页面所属的版本无法应答'],
  'reason-asset': ['another version of this visitor has the file', '访客用过的另一版本有这个文件'],
  'reason-source-labels': ['the listener says the version of its callers', '监听端口规定了调用方的版本'],
  'reason-asked': ['the caller says which version it serves', '调用方报告了自己服务的版本'],
  'reason-source-address': ['the caller is an endpoint of this version', '调用方是这个版本的端点'],
  'reason-default': ['nothing tells the version of the caller', '无法得知调用方的版本'],

  filter: ['Filter: version, rule, path, address…', '过滤：版本、规则、路径、地址…'],
  filterLabel: ['Filter decisions', '过滤决策'],
  wrongOnly: ['Only what went wrong', '只看异常'],
  pause: ['Pause', '暂停'],
  resume: ['Resume', '继续'],
  noDecisions: ['Nothing has come by yet.', '还没有请求经过。'],
  noMatch: ['Nothing of the last {0} fits.', '最近 {0} 条中没有符合的。'],
  time: ['Time', '时间'],
  version: ['Version', '版本'],
  reason: ['Reason', '原因'],
  pin: ['Pin', '标记'],
  request: ['Request', '请求'],
  client: ['Client', '客户端'],
  status: ['Status', '状态'],
  endpoint: ['Endpoint', '端点'],
  took: ['Took', '耗时'],
  servedBy: ['answered by {0}', '由 {0} 应答'],

  started: ['started', '启动'],
  tookEffect: ['took effect', '已生效'],
  refused: ['refused', '被拒绝'],
  otherFiles: ['no change of this file (a list, a key or a certificate)', '此文件未变（名单、密钥或证书变了）'],
  filesAgain: ['the files are as before what was refused', '文件恢复为被拒绝之前的内容'],
  reloadNow: ['Reload now', '立即重载'],
  reloadSame: ['The files are what is in force.', '文件与当前配置一致。'],
  reloadDone: ['Configuration {0} is in force.', '配置 {0} 已生效。'],
  reloadRefused: ['Refused: {0}', '被拒绝：{0}'],

  verbTitle: ['Release {0}', '发布 {0}'],
  verb: ['What to do', '操作'],
  add: ['Add people', '添加用户'],
  share: ['Set a share', '设置访客比例'],
  promote: ['Promote', '转为稳定版'],
  rollback: ['Roll back', '回滚'],
  retire: ['Retire', '下线'],
  ips: ['Addresses, separated by spaces', '地址，以空格分隔'],
  users: ['Users, separated by spaces', '用户，以空格分隔'],
  sharePercent: ['Share of all visitors', '访客比例'],
  rollbackNow: ['At once: open pages have to reload', '立即：已打开的页面需要重新加载'],
  backTo: ['Everybody goes back to', '所有人回到'],
  backToDraining: ['the version that drains', '正在排空的版本'],
  looking: ['Looking at what would change…', '正在计算变更…'],
  nothingChanges: ['The file says so already: nothing would change.', '文件已是如此，不会有变更。'],
  wouldChange: ['What would change', '将发生的变更'],
  apply: ['Apply', '应用变更'],
  copy: ['Copy the patch', '复制补丁'],
  copied: ['Copied.', '已复制。'],
  readOnly: [
    'The gateway may not write this file. Copy the patch and apply it where the file comes from.',
    '网关无权写入此文件。请复制补丁，在文件来源处应用。',
  ],
  applied: ['Done: configuration {0} is in force.', '完成：配置 {0} 已生效。'],
  appliedRefused: ['Written, but the configuration was refused: {0}', '已写入，但配置被拒绝：{0}'],
  cancel: ['Cancel', '取消'],
  close: ['Close', '关闭'],
  failed: ['That did not work: {0}', '操作失败：{0}'],

  tokenTitle: ['This gateway wants a token', '此网关需要令牌'],
  tokenHint: [
    'The token of the admin server; it is kept until this tab is closed.',
    '管理端口的令牌；关闭此标签页前有效。',
  ],
  tokenRefused: ['This token is not taken.', '此令牌无效。'],
  token: ['Token', '令牌'],
  enter: ['Enter', '进入'],
  foot: ['graylane {0} · Node {1} · {2}', 'graylane {0} · Node {1} · {2}'],
}

const languages = ['en', 'zh']
let chosen = 0

export function language() {
  return languages[chosen]
}

/** Of everything that is said from now on; anything else than `zh` is English. @public tests have no page */
export function chooseWords(name) {
  chosen = Math.max(0, languages.indexOf(name))
}

/** The words, and those that stand on the page already. */
export function chooseLanguage(name) {
  chooseWords(name)
  document.documentElement.lang = chosen === 1 ? 'zh-CN' : 'en'
  for (const element of document.querySelectorAll('[data-word]')) element.textContent = word(element.dataset.word)
}

/** What was chosen before, else what the browser prefers. */
export function preferredLanguage(stored) {
  if (languages.includes(stored)) return stored
  return (navigator.language ?? '').toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

export function otherLanguageName() {
  return chosen === 0 ? '中文' : 'English'
}

export function otherLanguage() {
  return languages[1 - chosen]
}

export function word(name, ...values) {
  const text = words[name]?.[chosen] ?? name
  return text.replace(/\{(\d)\}/g, (_, index) => values[index] ?? '')
}
