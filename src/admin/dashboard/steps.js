// The sentences of an explanation.

import { translated } from './sentences.js'

const sentences = [
  [/^client address$/, '客户端地址'],
  [/^release$/, '应用'],
  [/^kind$/, '类型'],
  [/^pin$/, '会话标记'],
  [/^service$/, '服务'],
  [/^decision$/, '决策'],
  [/^virtual host$/, '虚拟主机'],
  [/^route$/, '路由'],

  [/^(.+), the peer of the socket$/, '{0}，连接的对端'],
  [/^(.+), said by the trusted peer (.+)$/, '{0}，由可信代理 {1} 报告'],
  [/^none has the host (.+)$/, '没有应用使用主机名 {0}'],
  [/^(.+), by host (.+)$/, '{0}，按主机名 {1}'],
  [/^document$/, '页面'],
  [/^subresource$/, '页面的子资源'],
  [/^prefetch$/, '预加载的页面'],
  [/^preflight$/, '跨域预检'],
  [/^none$/, '无'],
  [/^forged$/, '签名不符，视为没有'],
  [/^two$/, '有两个且不一致，视为没有'],
  [/^held: (.+), epoch (\d+), history (.+)$/, '有效：{0}，纪元 {1}，历史 {2}'],
  [/^stale: (.+), epoch (\d+), history (.+)$/, '已失效：{0}，纪元 {1}，历史 {2}'],

  [/^(no hit|hit: [^,]+), (draw .+)$/, '<0>，<1>'],
  [/^no hit$/, '未命中'],
  [/^hit: (.+)$/, '命中：{0}'],
  [/^draw (.+) against a share of (.+ %), and nobody is moved off (.+)$/, '抽签 {0}，比例 {1}，不会把人从 {2} 移走'],
  [/^draw (.+) against a share of (.+)$/, '抽签 {0}，比例 {1}'],
  [/^(\S+) is draining and draws nobody$/, '{0} 正在排空，不再吸收访客'],
  [/^(\S+) is new and draws nobody for another (\d+) s$/, '{0} 刚加入，{1} 秒内不吸收访客'],

  [/^(.+), pool of (.+)$/, '{0}，使用 {1} 的池'],
  [/^(.+) of (.+), line (\d+)$/, '{1} 的 {0}，第 {2} 行'],
  [/^(\S+) of (\S+)$/, '{1} 的 {0}'],

  [/^(reload, current is \S+|not ahead of its visit, which will be of \S+|\S+ cannot answer|\S+): (.+)$/, '<0>：<1>'],
  [/^not ahead of its visit, which will be of (\S+)$/, '不提前加载，访问时将是 {0}'],
  [/^reload, current is (\S+)$/, '请重新加载，当前版本是 {0}'],
  [/^(\S+) cannot answer$/, '{0} 无法应答'],
  [/^(rule .+|a rule) matched$/, '<0>命中'],
  [/^(rule .+|a rule) drew the visitor$/, '<0>抽中了访客'],
  [/^the pin holds$/, '会话标记有效'],
  [/^the page named its version, and its browser was given it$/, '页面报告了自己的版本，且该浏览器得到过它'],
  [/^no rule hit and no pin binds: stable$/, '没有规则命中，也没有会话标记：稳定版'],
  [
    /^the page may be of another version than the pin when it is visited$/,
    '访问时页面可能属于另一版本，与会话标记不同',
  ],
  [/^a CORS preflight belongs to no page: stable$/, '跨域预检不属于任何页面：稳定版'],
  [/^a preview link was followed$/, '打开了预览链接'],
  [/^the version or the epoch of the page is gone$/, '页面的版本或纪元已不存在'],
  [
    /^the pinned version has an unavailable pool: the whole visit goes to stable$/,
    '标记的版本有不可用的池：整次访问转到稳定版',
  ],
  [
    /^(rule .+|a rule) hit, but (\S+) has an unavailable pool: .+ stable$/,
    '<0>命中，但 {1} 有不可用的池：整次访问转到稳定版',
  ],
  [/^(\S+) has an unavailable pool, and its pages stay on it$/, '{0} 有不可用的池，它的页面仍留在它上面'],
  [
    /^(rule .+|a rule) hit, but (\S+) has an unavailable pool and .+ fail$/,
    '<0>命中，但 {1} 有不可用的池，规则要求失败',
  ],
  [/^the asset is missing in the decided version, .+$/, '所定版本没有这个文件，该浏览器用过的另一版本有'],
  [/^the labels of the listener name the version$/, '监听端口的标签规定了版本'],
  [/^the caller asked for the version$/, '调用方要求这个版本'],
  [/^the address of the caller is an endpoint of this version alone$/, '调用方的地址只是这个版本的端点'],
  [/^nothing names a version of the caller: stable$/, '无从得知调用方的版本：稳定版'],
  [/^rule at (.+)$/, '规则（{0}）'],
  [/^rule (.+) \((.+)\)$/, '规则 {0}（{1}）'],
  [/^a rule$/, '规则'],
]

export function stepText(text) {
  return translated(sentences, text)
}
