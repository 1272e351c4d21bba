package accesslog

import (
	"fmt"
	"strings"
)

// An Advice is about a field that a format lacks.
type Advice struct {
	Field Fields
	// Cost says what cannot be told without the field, as a clause.
	Cost string
	// Add is what to put into the proxy's definition; where more than one proxy may
	// have written the log, for each of them.
	Add string
}

// An asset is a field that is worth logging, and how the proxies write it.
type asset struct {
	field  Fields
	cost   string
	nginx  string
	quoted bool
	apache string
	key    string // in a log_format of JSON
}

// assets are the fields whose absence costs something, the dearest first.
var assets = []asset{
	{FieldTime, "no record can be placed in time, so no visit can be counted",
		"$time_iso8601", false, "%t", "time_iso8601"},
	{FieldUserAgent, "bots, apps and link previews cannot be told from people",
		"$http_user_agent", true, "%{User-Agent}i", "http_user_agent"},
	{FieldReferer, "every visit looks as if it had no referrer, so search, social and private shares are one",
		"$http_referer", true, "%{Referer}i", "http_referer"},
	{FieldTarget, "neither pages nor campaign tags can be seen",
		"$request_uri", true, "%U%q", "request_uri"},
	{FieldMethod, "forms and API calls count as page views",
		"$request_method", true, "%m", "request_method"},
	{FieldStatus, "errors and redirects count as page views",
		"$status", false, "%>s", "status"},
	{FieldClient, "visitors cannot be told apart, so no visit can be confirmed",
		"$remote_addr", false, "%a", "remote_addr"},
	{FieldHost, "all sites of the proxy count as one, and it must be named",
		"$host", true, "%V", "host"},
	{FieldSecFetchSite, "a link on a page that hides itself looks like a typed address",
		"$http_sec_fetch_site", true, "%{Sec-Fetch-Site}i", "http_sec_fetch_site"},
	{FieldSecFetchMode, "browsers that keep their style sheets in a cache are confirmed less often",
		"$http_sec_fetch_mode", true, "%{Sec-Fetch-Mode}i", "http_sec_fetch_mode"},
	{FieldSecFetchDest, "what a request is for is guessed from its path",
		"$http_sec_fetch_dest", true, "%{Sec-Fetch-Dest}i", "http_sec_fetch_dest"},
	{FieldContentType, "pages and data are told apart by their paths only",
		"$sent_http_content_type", true, "%{Content-Type}o", "sent_http_content_type"},
	{FieldRequestedWith, "Android apps that show pages inside themselves are told by their user agent only",
		"$http_x_requested_with", true, "%{X-Requested-With}i", "http_x_requested_with"},
	{FieldPurpose, "pages that a browser fetches ahead count as visits",
		"$http_sec_purpose", true, "%{Sec-Purpose}i", "http_sec_purpose"},
	{FieldForwardedFor, "behind a CDN or another proxy all visitors look like that proxy",
		"$http_x_forwarded_for", true, "%{X-Forwarded-For}i", "http_x_forwarded_for"},
}

// Advise lists the fields that the format lacks and that cost something, the
// dearest first.
func (f *Format) Advise() []Advice {
	var out []Advice
	for _, a := range f.missing() {
		var add []string
		w, other := wordings[f.proxies]
		switch {
		case other:
			add = append(add, w.add(f, a))
		case f.inJSON():
			add = append(add, a.member())
		case f.proxies == proxyNginx|proxyApache:
			add = append(add, a.forNginx()+" (nginx)", a.forApache()+" (Apache)")
		case f.proxies == proxyApache:
			add = append(add, a.forApache())
		default:
			add = append(add, a.forNginx())
		}
		out = append(out, Advice{a.field, a.cost, strings.Join(add, ", ")})
	}
	return out
}

// Recommend returns the line for the proxy's configuration that makes the format
// have all that Advise lists, one for each proxy that may have written the log. It
// is empty where nothing is missing.
func (f *Format) Recommend() []string {
	missing := f.missing()
	if len(missing) == 0 {
		return nil
	}
	if w, ok := wordings[f.proxies]; ok {
		if text := w.recommend(f, missing); text != "" {
			return []string{text}
		}
		return nil
	}
	if f.inJSON() {
		return []string{f.recommendJSON(missing)}
	}
	var lines []string
	if f.proxies&proxyNginx != 0 {
		text, escape, err := nginxDirective(f.definition)
		if err != nil {
			return nil // it was compiled, so it can be read
		}
		text = strings.ReplaceAll(text, " $"+restVariable, "")
		for _, a := range missing {
			text += " " + a.forNginx()
		}
		if escape != "" {
			escape = " escape=" + escape
		}
		lines = append(lines, fmt.Sprintf("log_format darkshare%s %s;", escape, quoteNginx(text)))
	}
	if f.proxies&proxyApache != 0 {
		text := f.definition
		if f.proxies&proxyNginx != 0 {
			text = apacheTwins.Replace(text)
		}
		text, err := apacheDirective(text)
		if err != nil {
			return nil
		}
		text = quotesEscaped.Replace(text)
		for _, a := range missing {
			text += " " + a.forApache()
		}
		lines = append(lines, fmt.Sprintf(`LogFormat "%s" darkshare`, text))
	}
	return lines
}

// apacheTwins turns the known definitions that both proxies have into Apache's.
var apacheTwins = strings.NewReplacer(
	`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent`, `%h %l %u %t "%r" %>s %O`,
	`"$http_referer" "$http_user_agent"`, `"%{Referer}i" "%{User-Agent}i"`,
	` $`+restVariable, ``,
)

// quotesEscaped escapes the quotes that are not.
var quotesEscaped = strings.NewReplacer(`\\`, `\\`, `\"`, `\"`, `"`, `\"`)

func (f *Format) missing() []asset {
	var out []asset
	for _, a := range assets {
		if !f.fields.Has(a.field) {
			out = append(out, a)
		}
	}
	return out
}

// inJSON reports whether the log's lines are JSON objects that nginx writes.
func (f *Format) inJSON() bool {
	if f.name == "json" {
		return true
	}
	if f.name != "nginx" {
		return false
	}
	text, _, err := nginxDirective(f.definition)
	text = strings.TrimSpace(text)
	return err == nil && strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}")
}

// recommendJSON adds what is missing to a log_format that writes JSON, or writes a
// whole one where the lines alone are known.
func (f *Format) recommendJSON(missing []asset) string {
	text, escape := "{", "json"
	if f.name == "json" {
		missing = assets
	} else if whole, e, err := nginxDirective(f.definition); err == nil {
		text = strings.TrimSuffix(strings.TrimSpace(whole), "}")
		if e == "default" || e == "none" {
			escape = e
		}
	}
	for _, a := range missing {
		if !strings.HasSuffix(text, "{") {
			text += ","
		}
		text += a.member()
	}
	return fmt.Sprintf("log_format darkshare escape=%s %s;", escape, quoteNginx(text+"}"))
}

func (a asset) forNginx() string {
	if a.quoted {
		return `"` + a.nginx + `"`
	}
	return a.nginx
}

// forApache writes the asset as it stands in LogFormat's quotes.
func (a asset) forApache() string {
	if a.quoted {
		return `\"` + a.apache + `\"`
	}
	return a.apache
}

// member writes the asset as a member of a JSON object.
func (a asset) member() string { return `"` + a.key + `":"` + a.nginx + `"` }

// quoteNginx writes a string for nginx's configuration.
func quoteNginx(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + "'"
}
