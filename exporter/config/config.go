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
	// The access streams that `darkshare serve` reads, each from one of `files`, `stdin`,
	// `syslog`, `envoy_als`, `otlp` and `kafka`. Files and Kafka have positions; what is
	// sent by the others while darkshare is down is lost, unless the sender keeps it.
	Inputs []Input `yaml:"inputs"`
	// Where classified requests go in place of being counted here. docs/kafka.md says how
	// the requests of one visitor meet again that are spread over many proxies.
	Forward Forward `yaml:"forward"`
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
	// What outlives the process, so that nothing is lost or counted twice when it ends,
	// however it ends. docs/delivery.md says what is promised.
	State State `yaml:"state"`
	// A store of the metrics' history in darkshare itself, for one machine without a
	// Prometheus: it is Prometheus's own, and answers the queries of Grafana at `/api/v1`.
	Store Store `yaml:"store"`
}

// An Input is one stream of access records, from one of its sources.
type Input struct {
	// The value of the label `input`. Where it is left out: the first of `files`,
	// `stdin`, the address that is listened on, or Kafka's topic.
	Name string `yaml:"name" form:"label"`
	// The files to follow. A glob (`*`, `?`, `[a-z]`) takes new files as they come. A
	// relative path starts at the folder of the configuration file.
	Files []string `yaml:"files" form:"file_glob"`
	// Read standard input. At most one input can.
	Stdin bool `yaml:"stdin" default:"false"`
	// Listen for syslog, as nginx, HAProxy, rsyslog and syslog-ng send it (RFC 3164 and
	// 5424, or no header at all).
	Syslog *Syslog `yaml:"syslog"`
	// Listen for Envoy's access log service, by gRPC.
	EnvoyALS *EnvoyALS `yaml:"envoy_als"`
	// Listen for access logs by OpenTelemetry's protocol, as Envoy, Traefik and Collectors
	// send them. At least one of `grpc` and `http`.
	OTLP *OTLPLogs `yaml:"otlp"`
	// Read a topic of Kafka, each record a log line, or what another darkshare forwards.
	Kafka *Kafka `yaml:"kafka"`
	// The log's format: a name such as `combined`, `vhost_combined` or `caddy`, or
	// the proxy's own definition, copied as it stands: nginx's `log_format` or Apache's
	// `LogFormat`. Found out from the first lines where it is left out; `envoy_als` and
	// `otlp` have one of their own then. `darkshare` is the log format that docs/proxies
	// recommends for nginx and Apache; for `kafka` it is what another darkshare forwards.
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
	// Where to begin in a file that is there at the first start, or in a topic of which
	// the group has read nothing. A file that appears later is always read from its beginning.
	StartAt string `yaml:"start_at" oneof:"beginning end" default:"end"`
	// What a container's runtime has put around the lines of `files`: Kubernetes' CRI
	// or Docker's `json-file`. Found out from the first lines where it is left out.
	Wrapping string `yaml:"wrapping" oneof:"none cri docker"`
}

// Syslog is an address that syslog comes to.
type Syslog struct {
	// The address: `udp://127.0.0.1:5140`, `tcp://`, `tls://` with `tls`, or
	// `unix:///run/darkshare.sock` for datagrams. Without a host only this machine can send.
	Listen string `yaml:"listen" form:"syslog_address" required:"true"`
	// The certificate of `tls://`.
	TLS *ServerTLS `yaml:"tls"`
	// Connections at a time by TCP and TLS. Another one has the place of the one that was
	// silent the longest, for a minute at least, or is refused.
	MaxConnections int `yaml:"max_connections" default:"256" range:"1..65536"`
	// Bytes of a message with its header; a longer one is counted as `too_long`.
	MaxMessage int `yaml:"max_message" default:"65536" range:"1024..65536"`
}

// EnvoyALS is an address that Envoy's access log service is at.
type EnvoyALS struct {
	// The address, as in `:9001`. Without a host only this machine can send.
	Listen string `yaml:"listen" form:"address" default:"127.0.0.1:9001"`
	// The certificate, where connections are to have TLS.
	TLS *ServerTLS `yaml:"tls"`
}

// OTLPLogs are the addresses that OpenTelemetry's logs come to.
type OTLPLogs struct {
	// The address for gRPC, mostly `127.0.0.1:4317`. Without a host only this machine can send.
	GRPC string `yaml:"grpc" form:"address"`
	// The address for HTTP, mostly `127.0.0.1:4318`; the path is `/v1/logs`.
	HTTP string `yaml:"http" form:"address"`
	// The certificate, where connections are to have TLS.
	TLS *ServerTLS `yaml:"tls"`
}

// A Cluster is a cluster of Kafka's, and the way there.
type Cluster struct {
	// Some of the cluster's brokers.
	Brokers []string `yaml:"brokers" form:"broker" required:"true"`
	// TLS towards the brokers; `{}` is enough where a public authority has signed theirs.
	TLS *ClientTLS `yaml:"tls"`
	// The login.
	SASL *SASL `yaml:"sasl"`
}

// Forward says where classified requests go.
type Forward struct {
	// Write them to a topic of Kafka, partitioned by visitor.
	Kafka *ForwardKafka `yaml:"kafka"`
	// The file that has the secret by which visitors are named, of at least 32 bytes
	// (`openssl rand -hex 32`). All that write to one topic have the same, and nobody else.
	SecretFile string `yaml:"secret_file" form:"secret_file"`
}

// ForwardKafka is a topic that records are written to.
type ForwardKafka struct {
	Cluster `yaml:",inline"`
	// The topic. It must be there, and be used for nothing else.
	Topic string `yaml:"topic" form:"text" required:"true"`
}

// Kafka is a topic that records are read from.
type Kafka struct {
	Cluster `yaml:",inline"`
	// The topic. Its records should be keyed by visitor, so that all of one visitor's
	// requests come to the same reader.
	Topic string `yaml:"topic" form:"text" required:"true"`
	// The consumer group; those with the same one share the topic's partitions.
	Group string `yaml:"group" form:"text" default:"darkshare"`
	// This reader's name in the group, another for each: one that is back within a minute
	// (45 s) then goes on with its own partitions, and none changes hands. Needed where
	// `state` is to keep a `kill -9` from counting anything twice.
	Instance string `yaml:"instance" form:"text"`
}

// SASL is a login to Kafka.
type SASL struct {
	// How it is checked.
	Mechanism string `yaml:"mechanism" oneof:"plain scram-sha-256 scram-sha-512" required:"true"`
	// The name.
	Username string `yaml:"username" form:"text" required:"true"`
	// The file that has the password, without spaces or newlines around it.
	PasswordFile string `yaml:"password_file" form:"secret_file" required:"true"`
}

// ServerTLS is a certificate of darkshare's own. Files are read again when they have changed.
type ServerTLS struct {
	// The certificate with its chain, in PEM.
	CertFile string `yaml:"cert_file" form:"file" required:"true"`
	// Its key, in PEM.
	KeyFile string `yaml:"key_file" form:"file" required:"true"`
	// The authorities, in PEM, of which clients need a certificate. Without it all may send.
	ClientCAFile string `yaml:"client_ca_file" form:"file"`
}

// ClientTLS is what is shown to a server, and asked of it.
type ClientTLS struct {
	// The authorities, in PEM, that sign the servers' certificates. The system's where it is left out.
	CAFile string `yaml:"ca_file" form:"file"`
	// The certificate to show, in PEM, where one is asked for.
	CertFile string `yaml:"cert_file" form:"file"`
	// Its key, in PEM.
	KeyFile string `yaml:"key_file" form:"file"`
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

// State is where counts and positions are kept.
type State struct {
	// The file, which belongs to one darkshare alone; its folder must be there and be
	// writable. Nothing is kept where it is left out. It holds paths of pages and logs,
	// and no address, user agent, query or visitor.
	File string `yaml:"file" form:"state_file"`
	// How often it is written at the least. It also is before every scrape and push, since
	// only what is kept may be shown.
	Interval time.Duration `yaml:"interval" default:"10s" range:"1s..1h"`
}

// Store is the embedded store of history.
type Store struct {
	// The directory, which belongs to one darkshare alone and is made where it is missing;
	// the state is kept in it, too, so `state.file` is left out. No store where this is left out.
	Dir string `yaml:"dir" form:"directory"`
	// How often every metric is sampled, in the log's time.
	Interval time.Duration `yaml:"interval" default:"1m" range:"5s..4m"`
	// For how many days samples are kept.
	RetentionDays int `yaml:"retention_days" default:"400" range:"1..36500"`
	// How large it may grow, in bytes: the oldest samples go first.
	RetentionBytes int `yaml:"retention_bytes" default:"4294967296" range:"67108864..1099511627776"`
	// Files with recording rules of your own, in Prometheus's format, beside the built-in ones.
	RuleFiles []string `yaml:"rule_files" form:"rule_file"`
	// How many samples one query may hold in memory, 16 bytes each.
	QuerySamples int `yaml:"query_samples" default:"10000000" range:"1000..1000000000"`
	// How many queries may run at a time.
	Queries int `yaml:"queries" default:"8" range:"1..1000"`
	// After how long a query is given up.
	QueryTimeout time.Duration `yaml:"query_timeout" default:"1m" range:"1s..10m"`
}
