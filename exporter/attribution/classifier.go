package attribution

import (
	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// A Classifier applies the rules. It has caches of fixed size and scratch
// memory, and is for one goroutine.
type Classifier struct {
	rules  *Rules
	agents *agentCache
	hosts  *hostCache
	paths  *cache[path]
	// unknown stands for a path that the cache does not have.
	unknown path
	// scratch holds the hosts and pages that could not be slices of the line.
	scratch []byte
	// at and from stand for the request's and the referrer's host where those are
	// not in the cache.
	at, from host
	words    tagWords
	// ownOrigin is the scheme and authority of the last referrer that was the
	// request's own site, which most are, and ownHost the host in it.
	ownOrigin []byte
	ownHost   *host
	// bunch are the requests at hand.
	bunch [Bunch]prepared
	// fetched keeps the compiler from leaving out what only brings memory near.
	fetched uint64
}

// NewClassifier returns a classifier by these rules.
func (r *Rules) NewClassifier() *Classifier {
	return &Classifier{
		rules:  r,
		agents: r.agents.newCache(r.options.CacheEntries),
		hosts:  newHostCache(r.options.CacheEntries),
		paths:  newCache[path](4 * r.options.CacheEntries),
	}
}

// Reset gives the classifier the scratch memory for the verdicts to come, and
// returns what it had, which the verdicts so far point into. Called once per block
// of lines, it lets a block's verdicts outlive the next block's.
func (c *Classifier) Reset(scratch []byte) []byte {
	used := c.scratch
	c.scratch = scratch[:0]
	return used
}

// Classify says what a request is, and where it is a landing, who sent it. site
// is the index of the site that the input is of, or -1 to go by the request's
// host. All of v is set.
func (c *Classifier) Classify(req *accesslog.Request, site int, v *Verdict) {
	p := &c.bunch[0]
	p.begin(req)
	p.split(c, req)
	c.answer(p, req, site, v)
}

// answer classifies a prepared request.
func (c *Classifier) answer(p *prepared, req *accesslog.Request, site int, v *Verdict) {
	*v = Verdict{}
	v.Site = -1
	q := question{Classifier: c, prepared: p, req: req, v: v}
	if len(p.authority) > 0 {
		if q.at = c.host(p.authority, &c.at); q.at != nil {
			v.Host, v.Site = q.at.name, q.at.site
		}
	}
	if site >= 0 {
		v.Site = site
	}
	q.site = c.rules.site(v.Site)
	v.Agent, v.Device = p.by, p.agent.device
	v.Kind, v.Rule = q.kind()
	if v.Kind == schema.KindLanding {
		v.Rule = q.sender()
	}
}

// A question is one request on its way through the rules.
type question struct {
	*Classifier
	*prepared
	req   *accesslog.Request
	v     *Verdict
	site  *SiteRules
	named *path // what is known of the path; valid until the next look-up
	at    *host

	// What the referrer is, once asked.
	asked      bool
	form       referrerForm
	from       *host // of referrerWeb
	pkg        []byte
	ownPath    []byte // the path and query of the site's own referrer
	ownReferer bool
}

// host returns what is known of an authority, nil where there is no host in it.
// Where the cache does not have it, it is put together in spare.
func (c *Classifier) host(authority []byte, spare *host) *host {
	if len(authority) == 0 {
		return nil
	}
	h, hash := c.hosts.get(authority)
	if h != nil {
		return h
	}
	start := len(c.scratch)
	var ok bool
	if c.scratch, ok = appendHost(c.scratch, authority); !ok {
		c.scratch = c.scratch[:start]
		return nil
	}
	c.rules.resolve(spare, c.scratch[start:len(c.scratch):len(c.scratch)])
	c.hosts.put(authority, hash, spare)
	return spare
}

// referrer finds out what the referrer is.
func (q *question) referrer() {
	if q.asked {
		return
	}
	q.asked = true
	ref := q.req.Referer
	if n := len(q.ownOrigin); n > 0 && len(ref) > n && string(ref[:n]) == string(q.ownOrigin) && endsAuthority[ref[n]] {
		q.form, q.from = referrerWeb, q.ownHost
		q.own(ref[n:])
		return
	}
	form, authority, path := splitReferrer(ref)
	switch form {
	case referrerAndroid:
		q.form, q.pkg = form, authority
	case referrerWeb:
		q.from = q.host(authority, &q.Classifier.from)
		if q.from == nil {
			return
		}
		q.form = form
		// The spare host is another one soon.
		if q.own(path); q.ownReferer && q.from != &q.Classifier.from {
			q.ownOrigin = append(q.ownOrigin[:0], ref[:len(ref)-len(path)]...)
			q.ownHost = q.from
		}
	}
}

// own finds out whether the referrer, whose path this is, is the site's own.
func (q *question) own(path []byte) {
	if own(q.from, q.at, q.v.Site) {
		q.ownReferer, q.ownPath = true, path
	}
}

// kind finds the request's kind, and sets what goes with it.
func (q *question) kind() (schema.Kind, Rule) {
	v, req := q.v, q.req
	if q.agent.class == classBot {
		return schema.KindBot, ruleBot
	}
	q.named = q.lookup(q.path, q.hash)
	failed := req.Status >= 400
	if q.agent.class == classPreview {
		v.App, v.Scope = q.agent.app, q.agent.scope
		q.attack(failed)
		// The card's image and robots.txt are part of a share, not one of their own. What is
		// excluded has no label, however it is asked for.
		if what := q.content(); q.valid && what != contentPart && what != contentAlone && what != contentRobots {
			if page, hash := q.label(q.path, q.named); !matchAny(q.site.Excluded, page) {
				v.Page, v.PageHash = page, hash
			}
		}
		return schema.KindPreview, rulePreview
	}
	switch {
	case failed:
		switch req.Status {
		case 400, 403, 404, 410:
			v.Signals |= SignalNotFound
		}
		q.attack(true)
		return schema.KindError, ruleFailed
	case !q.valid || len(req.Method) == 0:
		q.attack(true)
		return schema.KindError, ruleNoRequest
	case req.Status == 0:
		return schema.KindError, ruleNoStatus
	case len(req.Purpose) > 0 && isPrefetch(req.Purpose):
		return schema.KindPrefetch, rulePrefetch
	case req.Status >= 300 && req.Status < 400 && req.Status != 304:
		q.attack(false)
		q.goals()
		return schema.KindRedirect, ruleRedirect
	case q.named.is&pathWellKnown != 0:
		return schema.KindOther, ruleWellKnown
	}
	what := q.content()
	if what == contentPart || what == contentAlone {
		q.asset(what)
		return schema.KindAsset, ruleAsset
	}
	q.attack(false)
	if len(q.site.Excluded) > 0 {
		if page, _ := q.label(q.path, q.named); matchAny(q.site.Excluded, page) {
			return schema.KindOther, ruleExcluded
		}
	}
	if rule := q.api(what); rule != ruleNone {
		return schema.KindAPI, rule
	}
	switch {
	case string(req.Method) != "GET":
		q.goals()
		return schema.KindOther, ruleMethod
	case what == contentRobots:
		return schema.KindOther, ruleRobots
	case what == contentFeed, len(q.query) > 0 && isFeedQuery(q.query):
		return schema.KindOther, ruleFeed
	case what == contentFrame:
		return schema.KindOther, ruleFrame
	case what == contentOther:
		return schema.KindOther, ruleContentType
	}
	switch req.Status {
	case 200, 203, 206, 304:
		return q.pageView()
	}
	return schema.KindOther, ruleStatus
}

// content finds out what the request is for: by the browser's word, else the
// path's, else the response's.
func (q *question) content() content {
	req := q.req
	if len(req.SecFetchDest) > 0 {
		if dest := byDest(req.SecFetchDest); dest != contentUnknown && dest != contentPage {
			return dest
		}
	}
	what := q.named.what
	if len(req.ContentType) == 0 {
		return what
	}
	switch byType := byType(req.ContentType); {
	case what == contentUnknown:
		return byType
	case byType == contentPage && what != contentRobots:
		// A wiki's page about photo.jpg.
		return contentPage
	}
	return what
}

// asset sets what an asset says of its client.
func (q *question) asset(what content) {
	q.metadata()
	if len(q.req.Referer) > 0 {
		if q.referrer(); q.form != referrerNone {
			if q.ownReferer {
				q.v.Signals |= SignalOwnReferrer
			}
			return
		}
	}
	if what != contentPart || string(q.req.SecFetchMode) == "navigate" || q.named.is&pathIcon != 0 {
		return
	}
	switch string(q.req.SecFetchSite) {
	case "none", "cross-site": // opened by itself, or on somebody else's page
		return
	}
	q.v.Signals |= SignalBareAsset
}

// api returns the rule by which the request is a program's, or ruleNone.
func (q *question) api(what content) Rule {
	req := q.req
	rule := ruleNone
	switch {
	case what == contentData, string(req.SecFetchMode) == "cors", equalFold(req.RequestedWith, "xmlhttprequest"), q.named.is&pathAPI != 0:
		rule = ruleAPI
		q.referrer()
	default:
		switch string(req.Method) {
		case "POST", "PUT", "PATCH", "DELETE":
			if q.referrer(); q.ownReferer {
				rule = ruleBeacon
			}
		}
	}
	if rule != ruleNone {
		if q.ownReferer {
			q.v.Signals |= SignalOwnReferrer
		}
		q.metadata()
		q.goals()
	}
	return rule
}

// pageView tells landings from internal page views.
func (q *question) pageView() (schema.Kind, Rule) {
	v := q.v
	v.Page, v.PageHash = q.label(q.path, q.named)
	v.EntryPage = isEntry(q.named, v.Page) || matchAny(q.site.EntryPages, v.Page)
	v.Goals = q.site.goals(v.Page)
	q.metadata()
	q.referrer()
	if q.ownReferer {
		v.Signals |= SignalOwnReferrer
		path, _ := splitTarget(q.ownPath)
		v.RefererPage, v.RefererHash = q.label(path, q.lookup(path, cacheHash(path)))
		return schema.KindInternal, ruleOwnReferrer
	}
	switch string(q.req.SecFetchSite) {
	case "same-origin":
		return schema.KindInternal, ruleSameSite
	case "same-site":
		// Another configured site may share the domain: then it sent the visit.
		if q.form != referrerWeb {
			return schema.KindInternal, ruleSameSite
		}
	}
	return schema.KindLanding, ruleNoSign
}

// sender finds who sent a landing: by tag, app, referrer, link, and at last by
// the tags that say little.
func (q *question) sender() Rule {
	v := q.v
	var f finding
	if len(q.query) > 0 {
		f = q.rules.tags.find(q.query, &q.words)
	}
	if f.rule != ruleNone && f.rule != ruleTagWeak {
		return q.is(f.sender, schema.EvidenceTag, f.rule)
	}
	switch q.agent.class {
	case classInApp:
		v.Channel, v.Source, v.Evidence = q.agent.channel, q.agent.app, schema.EvidenceApp
		return ruleAgentApp
	case classMail:
		v.Channel, v.Source, v.Evidence = q.agent.channel, q.agent.app, schema.EvidenceApp
		return ruleMailClient
	}
	if q.form == referrerAndroid {
		s, ok := q.rules.senders.android(q.pkg)
		if !ok {
			s = sender{section: sectionReferral}
		}
		if s.section != sectionNone {
			return q.is(s, schema.EvidenceApp, ruleAndroidReferrer)
		}
	}
	if len(q.req.RequestedWith) > 0 {
		if s, ok := q.rules.senders.android(q.req.RequestedWith); ok && s.section != sectionNone {
			return q.is(s, schema.EvidenceApp, ruleRequestedWith)
		}
	}
	if q.form == referrerWeb {
		if !q.from.known {
			return q.is(sender{section: sectionReferral}, schema.EvidenceReferrer, ruleUnknownReferrer)
		}
		rule := ruleReferrer
		if q.from.sender.section == sectionWebmail {
			rule = ruleWebmail
		}
		return q.is(q.from.sender, schema.EvidenceReferrer, rule)
	}
	if f.rule == ruleTagWeak {
		return q.is(f.sender, schema.EvidenceTag, ruleTagWeak)
	}
	if string(q.req.SecFetchSite) == "cross-site" {
		return q.is(sender{section: sectionPrivate}, schema.EvidenceLink, ruleCrossSite)
	}
	return ruleNoSign
}

func (q *question) is(s sender, e schema.Evidence, rule Rule) Rule {
	q.v.Channel, q.v.Source, q.v.Evidence = s.channel(), s.source, e
	return rule
}

// attack looks for what only scanners ask for.
func (q *question) attack(failed bool) {
	p := q.named
	found := p.is&pathAttack != 0
	switch {
	case len(q.path) != len(q.req.Target):
		// A token may be in the query, or reach into it.
		found = q.rules.attacks.is(q.req.Target, failed)
	case failed && !found:
		if p.is&pathJudged == 0 {
			p.set(pathJudged, true)
			p.set(pathFailed, q.rules.attacks.is(q.path, true))
		}
		found = p.is&pathFailed != 0
	}
	if found {
		q.v.Signals |= SignalAttack
	}
}

// metadata looks for the fetch metadata that browsers send.
func (q *question) metadata() {
	r := q.req
	if len(r.SecFetchSite)+len(r.SecFetchMode)+len(r.SecFetchDest)+len(r.SecFetchUser) > 0 {
		q.v.Signals |= SignalMetadata
	}
}

// goals finds the goals that a request reaches which is no page view.
func (q *question) goals() {
	if len(q.site.Goals) == 0 {
		return
	}
	page, hash := q.label(q.path, q.named)
	if q.v.Goals = q.site.goals(page); q.v.Goals != 0 {
		q.v.Page, q.v.PageHash = page, hash
	}
}

// label returns the page label of a path and its hash.
func (q *question) label(text []byte, p *path) (page []byte, hash uint64) {
	if p.label >= 0 {
		page = text[:p.label:p.label]
	} else {
		page, q.scratch = q.rules.pages.label(q.scratch, text)
	}
	return page, HashPage(page)
}

// isEntry reports whether the page, the label of a path, is a home page.
func isEntry(p *path, page []byte) bool {
	if p.label >= 0 {
		return p.is&pathEntry != 0
	}
	return isEntryPath(page)
}
