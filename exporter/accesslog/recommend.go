package accesslog

import (
	"fmt"
	"slices"
	"strings"
)

// A wording is how the assets are written for one proxy that is neither nginx nor
// Apache.
type wording struct {
	// add is what makes the proxy log an asset.
	add func(f *Format, a asset) string
	// recommend is the whole of its configuration with what is missing, empty where no
	// configuration makes it log more.
	recommend func(f *Format, missing []asset) string
}

var wordings = map[proxies]wording{
	proxyCaddy: {
		add:       func(*Format, asset) string { return "format json" },
		recommend: func(*Format, []asset) string { return "log {\n\tformat json\n}" },
	},
	proxyHAProxy:    {haproxyAdd, haproxyRecommend},
	proxyEnvoy:      {envoyAdd, envoyRecommend},
	proxyTraefik:    {traefikAdd, traefikRecommend},
	proxyVarnish:    {func(_ *Format, a asset) string { return a.bareApache() }, varnishRecommend},
	proxyLighttpd:   {func(_ *Format, a asset) string { return a.forApache() }, lighttpdRecommend},
	proxyIIS:        {iisAdd, iisRecommend},
	proxyCloudFront: {cloudfrontAdd, func(*Format, []asset) string { return "" }},
	proxyALB:        {albAdd, func(*Format, []asset) string { return "" }},
}

// bareApache writes the asset where no backslash stands before a quote.
func (a asset) bareApache() string { return strings.ReplaceAll(a.forApache(), `\"`, `"`) }

// header returns the request header that the asset is, empty where it is something else.
func (a asset) header() string {
	name, ok := strings.CutSuffix(a.apache, "}i")
	if !ok {
		return map[Fields]string{FieldHost: "Host"}[a.field]
	}
	return name[len("%{"):]
}

// haproxyLengths are the most bytes that are kept of a captured header, where 64 is
// not enough.
var haproxyLengths = map[Fields]int{FieldReferer: 1024, FieldUserAgent: 512, FieldHost: 128, FieldForwardedFor: 128}

func haproxyAdd(_ *Format, a asset) string {
	switch length := max(haproxyLengths[a.field], 64); {
	case a.header() != "":
		return fmt.Sprintf("capture request header %s len %d", a.header(), length)
	case a.field == FieldContentType:
		return fmt.Sprintf("capture response header Content-Type len %d", length)
	}
	return "option httplog"
}

// haproxyRecommend keeps what is captured already: a format that names it is told by
// the same lines.
func haproxyRecommend(f *Format, missing []asset) string {
	h, err := haproxyDefinition(f.definition)
	if err != nil {
		return ""
	}
	var lines []string
	keep := func(side string, names []string) {
		for _, name := range names {
			if name != "" {
				lines = append(lines, fmt.Sprintf("capture %s header %s len %d", side, name, 512))
			}
		}
	}
	keep("request", h.requests)
	keep("response", h.responses)
	for _, a := range missing {
		if line := haproxyAdd(f, a); line != "option httplog" {
			lines = append(lines, line)
		}
	}
	return strings.Join(append(lines, "option httplog"), "\n")
}

// envoyNames are the operators that are no request headers.
var envoyNames = map[Fields]string{
	FieldTime: "%START_TIME%", FieldStatus: "%RESPONSE_CODE%", FieldClient: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
	FieldMethod: "%REQ(:METHOD)%", FieldTarget: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", FieldHost: "%REQ(:AUTHORITY)%",
	FieldContentType: "%RESP(CONTENT-TYPE)%",
}

func (a asset) forEnvoy() string {
	if name := envoyNames[a.field]; name != "" {
		return name
	}
	return "%REQ(" + strings.ToUpper(a.header()) + ")%"
}

// envoyKey is the asset's key in a json_format.
func (a asset) envoyKey() string {
	switch a.field {
	case FieldTime:
		return "start_time"
	case FieldStatus:
		return "response_code"
	case FieldClient:
		return "downstream_remote_address"
	case FieldMethod:
		return "method"
	case FieldTarget:
		return "path"
	case FieldHost:
		return "authority"
	case FieldContentType:
		return "content-type"
	}
	return strings.ToLower(a.header())
}

func envoyAdd(f *Format, a asset) string {
	if f.name == "envoy_json" {
		return fmt.Sprintf("%s: %q", a.envoyKey(), a.forEnvoy())
	}
	return `"` + a.forEnvoy() + `"`
}

// envoyRecommend writes JSON, in which quotes are escaped: in a text_format a client can
// send what makes its line unreadable.
func envoyRecommend(f *Format, _ []asset) string {
	lines := []string{"json_format:"}
	for _, a := range assets {
		lines = append(lines, fmt.Sprintf("  %s: %q", a.envoyKey(), a.forEnvoy()))
	}
	return strings.Join(lines, "\n")
}

func traefikAdd(f *Format, a asset) string {
	switch {
	case a.field == FieldContentType:
		return "Content-Type: keep"
	case a.header() != "" && a.field != FieldHost:
		return a.header() + ": keep"
	}
	return "format: json"
}

func traefikRecommend(*Format, []asset) string {
	var names []string
	for _, a := range assets {
		if add := traefikAdd(nil, a); strings.HasSuffix(add, ": keep") {
			names = append(names, "        "+add)
		}
	}
	slices.Sort(names)
	return "accessLog:\n  format: json\n  fields:\n    headers:\n      names:\n" + strings.Join(names, "\n")
}

func varnishRecommend(f *Format, missing []asset) string {
	text, err := apacheDirective(f.definition)
	if err != nil {
		return ""
	}
	for _, a := range missing {
		text += " " + a.bareApache()
	}
	return fmt.Sprintf("varnishncsa -F '%s'", text)
}

func lighttpdRecommend(f *Format, missing []asset) string {
	text, err := apacheDirective(f.definition)
	if err != nil {
		return ""
	}
	text = quotesEscaped.Replace(text)
	for _, a := range missing {
		text += " " + a.forApache()
	}
	return fmt.Sprintf(`accesslog.format = "%s"`, text)
}

// w3cNames are the fields of IIS and CloudFront; headers that are not among them IIS
// logs as custom fields.
var w3cNames = map[Fields]string{
	FieldTime: "date time", FieldStatus: "sc-status", FieldClient: "c-ip", FieldMethod: "cs-method",
	FieldTarget: "cs-uri-stem cs-uri-query", FieldHost: "cs-host", FieldReferer: "cs(Referer)", FieldUserAgent: "cs(User-Agent)",
}

func iisAdd(_ *Format, a asset) string {
	if name := w3cNames[a.field]; name != "" {
		return name
	}
	name, side, source := a.header(), "cs", "RequestHeader"
	if a.field == FieldContentType {
		name, side, source = "Content-Type", "sc", "ResponseHeader"
	}
	return fmt.Sprintf(`<add logFieldName="%s(%s)" sourceName="%s" sourceType="%s" />`, side, name, name, source)
}

func iisRecommend(f *Format, missing []asset) string {
	var fields, custom []string
	for _, a := range missing {
		if add := iisAdd(f, a); strings.HasPrefix(add, "<") {
			custom = append(custom, "    "+add)
		} else {
			fields = append(fields, add)
		}
	}
	var b strings.Builder
	b.WriteString(`<logFile logFormat="W3C">` + "\n")
	if len(fields) > 0 {
		fmt.Fprintf(&b, "  <!-- with the fields %s -->\n", strings.Join(fields, " "))
	}
	if len(custom) > 0 {
		fmt.Fprintf(&b, "  <customFields>\n%s\n  </customFields>\n", strings.Join(custom, "\n"))
	}
	return b.String() + "</logFile>"
}

func cloudfrontAdd(_ *Format, a asset) string {
	name := w3cNames[a.field]
	switch a.field {
	case FieldHost:
		name = "x-host-header"
	case FieldContentType:
		name = "sc-content-type"
	case FieldForwardedFor:
		name = "x-forwarded-for"
	}
	if name == "" {
		return "nothing: CloudFront's standard log has no such field"
	}
	return "the field " + name
}

func albAdd(*Format, asset) string { return "nothing: an ALB's log has no such field" }
