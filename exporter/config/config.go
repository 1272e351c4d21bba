// Package config reads darkshare's one YAML file and says everything that is
// wrong with it at once, each mistake with its line and what was expected.
//
// The types of this file are the whole format. Their comments are the reference
// that [Reference] prints, and their tags are what the decoder checks:
//
//	yaml      the key
//	default   the value of a key that is left out
//	range     the smallest and the largest value
//	oneof     the closed set of values
//	keys      the closed set of a mapping's keys
//	form      the shape of a text, or of each text of a list (see forms)
//	required  the key must be given
package config

import (
	"log/slog"
	"time"

	"github.com/darkshare/darkshare/exporter/schema"
)

// A Config is the whole file. Every section may be left out.
type Config struct {
	// The access logs that `darkshare serve` follows, each either `files` or `stdin`.
	Inputs []Input `yaml:"inputs"`
	// The web sites behind the proxy. A host that none of them names is counted under
	// the site `(other)`. Where none are named at all, hosts that people visit become sites of
	// their own (`www.example.com` and `example.com` are one), as far as `limits.sites`
	// allows. Paths have no host and no query.
	Sites []Site `yaml:"sites"`
	// What holds for the hosts that no site names. A named site takes nothing from here.
	OtherSites SiteRules `yaml:"other_sites"`
	// Your own additions to the built-in tables. They win over the tables.
	Rules Rules `yaml:"rules"`
	// The bounds on memory and on the number of series. What is past a bound is
	// counted under `(other)` or forgotten early, and `darkshare_limit_reached_total` says so.
	// The series need no bound of their own, since every label is a closed set or has the largest N.
	// All are numbers of things, but for `line_bytes`.
	Limits Limits `yaml:"limits"`
	// When a landing counts as a visit.
	Visits Visits `yaml:"visits"`
	// What is masked in the page labels. Mail addresses always are, and queries never
	// get into a label.
	Privacy Privacy `yaml:"privacy"`
	// The push of the metrics by OpenTelemetry's protocol, beside `/metrics`. Where to,
	// how often and with which headers come from its own `OTEL_*` environment variables.
	OTLP OTLP `yaml:"otlp"`
	// darkshare's own log, on standard error.
	Log Log `yaml:"log"`
}

// An Input is one stream of access records: either `files` or `stdin`.
type Input struct {
	// The value of the label `input`; the first of `files` where it is left out, or `stdin`.
	Name string `yaml:"name" form:"label"`
	// The files to follow. A glob (`*`, `?`, `[a-z]`) takes new files as they come. A
	// relative path starts at the folder of the configuration file.
	Files []string `yaml:"files" form:"file_glob"`
	// Read standard input. At most one input can.
	Stdin bool `yaml:"stdin" default:"false"`
	// The log's format: a name such as `combined`, `vhost_combined` or `caddy`, or
	// the proxy's own definition, copied as it stands: nginx's `log_format` or Apache's
	// `LogFormat`. Found out from the first lines where it is left out.
	Format string `yaml:"format" form:"text"`
	// The `escape=` parameter of nginx's `log_format`. Only needed where `format` does
	// not hold it.
	Escape string `yaml:"escape" oneof:"default json none"`
	// For logs of JSON lines: darkshare's name of a field, and the dotted path of the
	// key that has it (`\.` is a dot inside a key). Common keys are known without.
	JSON map[string]string `yaml:"json" keys:"field" form:"text"`
	// The name of the site (one of `sites`) that all records belong to, for logs that
	// do not have the host.
	Site string `yaml:"site" form:"label"`
	// Where to begin in a file that is there at the first start. A file that appears
	// later is always read from its beginning.
	StartAt string `yaml:"start_at" oneof:"beginning end" default:"end"`
}

// A Site is one web site, under as many hosts as it has.
type Site struct {
	// The value of the label `site`; the first host where it is left out.
	Name string `yaml:"name" form:"label"`
	// The site's hosts. Each stands for the whole of its registrable domain
	// (example.com with www.example.com and blog.example.com), but for the hosts that
	// another site names. Who comes from one of them does not start a new visit.
	Hosts []string `yaml:"hosts" form:"host" required:"true"`

	SiteRules `yaml:",inline"`
}

// SiteRules say what the pages of a site are.
type SiteRules struct {
	// Pages that people type or bookmark, beside the home page, index files, the
	// roots of languages (`/fr/`) and what is learned.
	EntryPages []string `yaml:"entry_pages" form:"path_glob"`
	// The beginnings of paths that make a section each. Where it is left out, a
	// section is the first part of the path, after that of a language.
	Sections []string `yaml:"sections" form:"path"`
	// Pages that never count as page views: health checks, administration, embedded widgets.
	Exclude []string `yaml:"exclude" form:"path_glob"`
	// What a visit is good for: an order, a subscription. At most 32.
	Goals []Goal `yaml:"goals"`
}

// A Goal is a page that only those who did something get to see.
type Goal struct {
	// The value of the label `goal`.
	Name string `yaml:"name" form:"label" required:"true"`
	// The page that reaches the goal.
	Path string `yaml:"path" form:"path_glob" required:"true"`
}

// Rules add to the built-in tables of referrers, user agents and campaign tags.
type Rules struct {
	// Who sends visitors from which host.
	Hosts []HostRule `yaml:"hosts"`
	// What a user agent is.
	Agents []AgentRule `yaml:"agents"`
	// What a parameter of the landing's address says about its sender.
	Tags []TagRule `yaml:"tags"`
	// The parameter that your own share buttons add; its value names the app
	// (`?ds=whatsapp`). Such a visit is `dark_social`.
	ShareParameter string `yaml:"share_parameter" form:"parameter"`
}

// A HostRule names the sender behind a referrer's host.
type HostRule struct {
	// The referrer's host, its subdomains included; `example.*` is that name under any
	// public suffix, `android-app://com.example.chat` an Android app.
	Host string `yaml:"host" form:"sender" required:"true"`
	// The channel of its visits.
	Channel schema.Channel `yaml:"channel" required:"true"`
	// The value of the label `source`.
	Source string `yaml:"source" form:"source" default:"other"`
}

// An AgentRule names what a user agent is.
type AgentRule struct {
	// The text to look for in the user agent, in any case. A leading `^` or trailing `$`
	// ties it to the beginning or the end; a leading or trailing `|` forbids a letter beside it.
	Contains string `yaml:"contains" form:"token" required:"true"`
	// What has it: a robot, an app's fetcher of link previews, an app's own browser, a
	// mail program, or a browser.
	Class string `yaml:"class" oneof:"bot preview in_app mail browser" required:"true"`
	// The app's name, the label `app` or `source`. `preview`, `in_app` and `mail` need
	// it; the others have none.
	App string `yaml:"app" form:"source"`
	// Who sees the previews. Only for `preview`.
	Scope schema.Scope `yaml:"scope" default:"mixed"`
	// The channel of the visits. Only for `in_app` and `mail`.
	Channel schema.Channel `yaml:"channel" default:"dark_social"`
}

// A TagRule names the sender behind a query parameter of the landing's address.
type TagRule struct {
	// The parameter's name.
	Parameter string `yaml:"parameter" form:"parameter" required:"true"`
	// Its value, in any case; a `*` at its end stands for any rest. Every value where
	// it is left out.
	Value string `yaml:"value" form:"text"`
	// The channel of the visits.
	Channel schema.Channel `yaml:"channel" required:"true"`
	// The value of the label `source`.
	Source string `yaml:"source" form:"source" default:"other"`
}

// Limits bound what darkshare keeps.
type Limits struct {
	// Visitors remembered at a time; past it, who was silent the longest is forgotten.
	Visitors int `yaml:"visitors" default:"100000" range:"1000..10000000"`
	// Landings that wait at a time for their visitor to show itself as a browser.
	PendingLandings int `yaml:"pending_landings" default:"32768" range:"1024..4194304"`
	// Sites that get a label of their own: those under `sites`, or else the hosts that
	// people visit. Once half of it is taken, a host needs three different clients that
	// behave like browsers; before, three page views.
	Sites int `yaml:"sites" default:"20" range:"1..200"`
	// Pages with a label of their own, per site: those with the most visits. 0 is none.
	Pages int `yaml:"pages" default:"100" range:"0..10000"`
	// Sections with a label of their own, per site. 0 is none.
	Sections int `yaml:"sections" default:"20" range:"0..1000"`
	// Bytes of a log line; a longer one is counted as `too_long`.
	LineBytes int `yaml:"line_bytes" default:"65536" range:"1024..65536"`
	// Files that are held open at a time.
	OpenFiles int `yaml:"open_files" default:"256" range:"1..65536"`
	// Scrapes of `/metrics` that are answered at a time; another one gets 503.
	Scrapes int `yaml:"scrapes" default:"8" range:"1..1000"`
}

// Visits say when a landing counts as a visit.
type Visits struct {
	// How long a visitor is remembered after the last request. A landing is confirmed
	// when its visitor shows itself as a browser within that time, before or after, and
	// the same landing again within it is a reload.
	Window time.Duration `yaml:"window" default:"30m" range:"1m..24h"`
	// Whether only confirmed landings count. `auto` turns it off for a site where next to
	// none of those who go from page to page, as people do, fetch anything but pages, because
	// its assets come from elsewhere; and on again when they do.
	Confirmation string `yaml:"confirmation" oneof:"auto on off" default:"auto"`
}

// Privacy says which parts of a path are masked.
type Privacy struct {
	// A run of that many digits or more becomes `{number}`.
	MaskDigits int `yaml:"mask_digits" default:"10" range:"4..100"`
	// A part of that many characters or more that looks like a token (letters mixed
	// with digits, a UUID, a JWT) becomes `{token}`.
	MaskToken int `yaml:"mask_token" default:"20" range:"8..200"`
}

// OTLP is the push of the metrics.
type OTLP struct {
	// Push even where no `OTEL_*` variable asks for it.
	Enabled bool `yaml:"enabled" default:"false"`
}

// Log is darkshare's own log.
type Log struct {
	// The least grave level that is written.
	Level slog.Level `yaml:"level" default:"info"`
	// The format of its lines.
	Format string `yaml:"format" oneof:"logfmt json" default:"logfmt"`
}
