package attribution

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/darkshare/darkshare/exporter/accesslog"
	"github.com/darkshare/darkshare/exporter/schema"
)

// Why says in one sentence why a request got its verdict, with the fact that
// decided. It is for people who may see the log: it quotes from the request.
// What package visit adds to a landing without evidence is not in it.
func (r *Rules) Why(v *Verdict, req *accesslog.Request) string {
	switch v.Rule {
	case rulePreview, ruleBot, ruleAgentApp, ruleMailClient:
		return r.whyAgent(v, req)
	case ruleTagUser, ruleTagShare, ruleTagPaid, ruleTagEmail, ruleTagCampaign, ruleTagWeak:
		return r.whyTag(v, req)
	case ruleReferrer, ruleWebmail, ruleUnknownReferrer, ruleAndroidReferrer, ruleRequestedWith:
		return r.whyReferrer(v, req)
	}
	return whyKind(v, req)
}

func (r *Rules) whyAgent(v *Verdict, req *accesslog.Request) string {
	a := r.agents.classify(req.UserAgent)
	switch v.Rule {
	case rulePreview:
		return fmt.Sprintf("the user agent is a link-preview fetcher's (%s): somebody pasted the link into %s", a.name, r.appName(v.App))
	case ruleAgentApp:
		return fmt.Sprintf("the user agent is the browser inside an app (%s): %s", a.name, r.means(v))
	case ruleMailClient:
		return fmt.Sprintf("the user agent is a mail client's (%s): %s", a.name, r.means(v))
	}
	if len(strings.TrimSpace(string(req.UserAgent))) == 0 {
		return "there is no user agent, which every browser sends"
	}
	if a.bot == botOther {
		return fmt.Sprintf("the user agent is a program's, not a person's browser: %s", a.name)
	}
	return fmt.Sprintf("the user agent is a program's: %s (%s)", a.name, botWords[a.bot])
}

var botWords = [numBotKinds]string{
	botOther:   "other",
	botCrawler: "a crawler",
	botAI:      "a crawler or fetcher of an AI service",
	botLibrary: "a programming library",
	botMonitor: "a monitor",
	botScanner: "a scanner",
	botFeed:    "a feed reader",
}

func (r *Rules) appName(s Source) string {
	if s == 0 {
		return "an app"
	}
	return r.SourceName(s)
}

// means says which channel and source the verdict has.
func (r *Rules) means(v *Verdict) string {
	channel := channelWords[v.Channel]
	if v.Source == 0 {
		return channel
	}
	return channel + ", " + r.SourceName(v.Source)
}

var channelWords = [schema.NumChannels]string{
	schema.ChannelDarkSocial: "shared in private",
	schema.ChannelDirect:     "typed or bookmarked",
	schema.ChannelSearch:     "a search engine",
	schema.ChannelSocial:     "a public network",
	schema.ChannelAI:         "an AI assistant",
	schema.ChannelEmail:      "a newsletter",
	schema.ChannelPaid:       "an advertisement",
	schema.ChannelReferral:   "another site or app",
	schema.ChannelUnknown:    "unknown",
}

func (r *Rules) whyTag(v *Verdict, req *accesslog.Request) string {
	_, query := splitTarget(req.Target)
	f := r.tags.find(query, new(tagWords))
	var fact string
	switch {
	case f.param != nil && f.value != nil:
		fact = quote(f.param) + "=" + quote(f.value)
	case f.param != nil:
		fact = quote(f.param)
	case f.source != nil && f.medium != nil:
		fact = "the campaign source " + quote(f.source) + " with the medium " + quote(f.medium)
	case f.source != nil:
		fact = "the campaign source " + quote(f.source)
	case f.medium != nil:
		fact = "the campaign medium " + quote(f.medium)
	default:
		fact = "the campaign's name"
	}
	what := r.means(v)
	switch v.Rule {
	case ruleTagUser:
		return fmt.Sprintf("the URL carries %s, a tag of your own: %s", fact, what)
	case ruleTagShare:
		return fmt.Sprintf("the URL carries %s, which names how it was shared: %s", fact, what)
	case ruleTagPaid:
		return fmt.Sprintf("the URL carries %s, the click id of an advertisement: %s", fact, what)
	case ruleTagEmail:
		return fmt.Sprintf("the URL carries %s, which an e-mail service adds: %s", fact, what)
	case ruleTagWeak:
		return fmt.Sprintf("there is no referrer, and the URL carries %s, which names the sender: %s", fact, what)
	}
	return fmt.Sprintf("the URL carries %s: %s", fact, what)
}

func (r *Rules) whyReferrer(v *Verdict, req *accesslog.Request) string {
	_, authority, _ := splitReferrer(req.Referer)
	what := r.means(v)
	switch v.Rule {
	case ruleAndroidReferrer:
		if v.Source == 0 {
			return fmt.Sprintf("the referrer is the Android app %s, which the tables do not have", quote(authority))
		}
		return fmt.Sprintf("the referrer is the Android app %s: %s", quote(authority), what)
	case ruleRequestedWith:
		return fmt.Sprintf("X-Requested-With names the Android app %s: %s", quote(req.RequestedWith), what)
	case ruleWebmail:
		return fmt.Sprintf("the referrer %s is webmail, without a newsletter's tag: %s", quote(authority), what)
	case ruleUnknownReferrer:
		return fmt.Sprintf("the referrer %s is another site", quote(authority))
	}
	if v.Source == 0 {
		return fmt.Sprintf("the referrer %s is %s", quote(authority), what)
	}
	return fmt.Sprintf("the referrer %s is %s's: %s", quote(authority), r.SourceName(v.Source), channelWords[v.Channel])
}

// whyKind says why a request is no landing, or a landing of nobody known.
func whyKind(v *Verdict, req *accesslog.Request) string {
	switch v.Rule {
	case ruleNoRequest:
		return "the request line is no HTTP request"
	case ruleNoStatus:
		return "the log does not say what the status was"
	case ruleFailed:
		if v.Signals&SignalAttack != 0 {
			return fmt.Sprintf("the status is %d, and the path is one that only scanners ask for", req.Status)
		}
		return fmt.Sprintf("the status is %d", req.Status)
	case rulePrefetch:
		return fmt.Sprintf("the browser fetches ahead (purpose %s): nobody looks at it yet", quote(req.Purpose))
	case ruleRedirect:
		return fmt.Sprintf("the status is %d: the visitor is sent on", req.Status)
	case ruleWellKnown:
		return "/.well-known/ is for programs"
	case ruleAsset:
		return "it is an asset, not a page" + ownWords(v)
	case ruleExcluded:
		return "the path is excluded by your configuration"
	case ruleAPI:
		return "it is a script's request, not a page" + ownWords(v)
	case ruleBeacon:
		return fmt.Sprintf("%s from one of the site's own pages", quote(req.Method))
	case ruleMethod:
		return fmt.Sprintf("the method is %s: pages are asked for with GET", quote(req.Method))
	case ruleRobots:
		return "the file is for programs"
	case ruleFeed:
		return "it is a feed or other XML, not a page"
	case ruleFrame:
		return "it is part of another page (a frame or an embedded object)"
	case ruleContentType:
		if len(req.ContentType) > 0 {
			return fmt.Sprintf("the content type is %s, not a page's", quote(req.ContentType))
		}
		return "the file is no page"
	case ruleStatus:
		return fmt.Sprintf("the status is %d, which answers no page view", req.Status)
	case ruleOwnReferrer:
		return "the referrer is the site itself"
	case ruleSameSite:
		return fmt.Sprintf("the browser says that it comes from the site itself (Sec-Fetch-Site: %s)", quote(req.SecFetchSite))
	case ruleCrossSite:
		return "there is no referrer, but the browser says that a link on another site was clicked (Sec-Fetch-Site: cross-site): a page that hides itself"
	case ruleNoSign:
		return "no tag, app or referrer says who sent it"
	}
	return "no rule has spoken"
}

func ownWords(v *Verdict) string {
	if v.Signals&SignalOwnReferrer != 0 {
		return ", and its referrer is the site itself"
	}
	return ""
}

// quote makes bytes of a log line safe to show: short, and without control
// characters.
func quote(b []byte) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), 200)]), "�")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}
