package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkshare/darkshare/exporter/accesslog"
)

// One case a line: a file in which \n ends a line, and its first mistake as printed;
// "" where there is none.
func TestMistakes(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Parse("f", []byte(text))
		got := ""
		if err != nil {
			got, _, _ = strings.Cut(err.Error(), "\n")
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
	const input = "inputs:\n- files: [a]\n  "
	const site = "sites:\n- hosts: [a.example]\n  "

	// The text.
	f("", `f:1: empty: expected some of inputs, forward, sites, other_sites, rules, limits, visits, privacy, otlp, log, state, store`)
	f("# nothing\n\n", `f:1: empty: expected some of inputs, forward, sites, other_sites, rules, limits, visits, privacy, otlp, log, state, store`)
	f("{}\n", ``)
	f("- a\n", `f:1: expected a mapping with the keys inputs, forward, sites, other_sites, rules, limits, visits, privacy, otlp, log, state, store, got a list`)
	f("otlp: {}\n---\nlog: {}\n", `f:2: a second document begins here: the configuration is one`)
	f("otlp: {}\nlog:\n\tlevel: info\n", `f:3: a tab in the indentation: YAML takes spaces only`)
	f("log:\n  level: in\xfffo\n", `f:2: not UTF-8: save the file in that encoding`)
	f("log: {} # \x00\n", `f:1: the character U+0000 cannot be in a configuration file`)
	f("log: {} # \u2028\n", `f:1: the character U+2028 cannot be in a configuration file`)
	f("\ufefflog: {}\r\n", ``)
	f(strings.Repeat("#\n", maxSize/2)+"#", `f:1: larger than 1 MiB: is this the configuration?`)

	// YAML.
	f("log:\n  level: info\n format: json\n", `f:3: not YAML: did not find expected key (is the line indented like those it belongs to?)`)
	f("sites:\n- name: a\n\n  hosts: [a,\n   b]\n other: c\n", `f:6: not YAML: did not find expected key (is the line indented like those it belongs to?)`)
	f("log: {}\nsites:\n- name: [a,\n   b]\n- hosts: [c,\n- name: d\n", `f:5: not YAML: did not find expected node content (is a bracket not closed?)`)
	f("log: {}\n\notlp: @\n", `f:3: not YAML: found character that cannot start any token (a text that begins with @, %, `+"`"+` or a tab needs quotes)`)
	f("log: {}\nlimits: {pages: 1\nvisits: {}\n", `f:2: not YAML: did not find expected ',' or '}' (is a bracket not closed?)`)
	f("log: {}\nlog 2\notlp: {}\n", `f:2: not YAML: could not find expected ':' (is the key without its colon?)`)
	f("log: {}\notlp:\n  enabled: \"tr\n", `f:3: not YAML: found unexpected end of stream (is a quote not closed?)`)
	f("log:\n  level: info\n    format: json\n", `f:3: not YAML: mapping values are not allowed in this context (is the line indented like those it belongs to? a text with ": " needs quotes)`)
	f("log: {level: \"\\d\"}\n", `f:1: not YAML: found unknown escape character (write \\ for \, or use single quotes)`)
	f("log: {}\notlp: *push\n", `f:2: not YAML: unknown anchor 'push' referenced`)
	f("otlp: &a {<<: *a}\n", `f:1: otlp: merges itself`)
	f("otlp: {<<: 1}\n", `f:1: otlp: expected a mapping to merge, got "1"`)
	f("inputs: &a [*a]\n", `f:1: inputs[0]: expected a mapping with the keys name, files, stdin, syslog, envoy_als, otlp, kafka, format, escape, json, site, start_at, wrapping, got a list`)

	// Forwarding.
	f("forward:\n", ``)
	f("forward: {secret_file: a}\n", `f:1: forward: missing key "kafka": where to?`)
	f("forward: {kafka: {brokers: [\"a:1\"], topic: t}}\n", `f:1: forward: missing key "secret_file": visitors are named by a secret that all have who write to the topic`)
	f("forward: {secret_file: a, kafka: {brokers: [\"a:1\"]}}\n", `f:1: forward.kafka: missing key "topic": expected a text`)
	f("inputs:\n- files: [a]\n  format: darkshare\n", ``) // the log format of docs/proxies
	f("inputs:\n- syslog: {listen: 'udp://:514'}\n  format: darkshare\n  json: {status: s}\n", `f:4: inputs[0].json: a mapping of JSON keys goes with formats such as json and caddy, and format is "darkshare"`)
	f("inputs:\n- kafka: {brokers: [\"a:1\"], topic: t}\n  format: darkshare\n", ``)
	f("inputs:\n- kafka: {brokers: [\"a:1\"], topic: t}\n  format: darkshare\n  escape: json\n", `f:4: inputs[0].escape: is for logs, got "json": what another darkshare forwards has it all`)
	f("inputs:\n- kafka: {brokers: [\"a:1\"], topic: t}\n  format: darkshare\nforward: {secret_file: a, kafka: {brokers: [\"a:1\"], topic: t}}\n", `f:3: inputs[0].format: "darkshare" has been forwarded already: a darkshare forwards or counts`)

	// Keys.
	f("inptus: []\n", `f:1: unknown key "inptus": did you mean "inputs"?`)
	f("frobnicate: []\n", `f:1: unknown key "frobnicate": expected one of inputs, forward, sites, other_sites, rules, limits, visits, privacy, otlp, log, state, store`)
	f("limits:\n  vistors: 5000\n", `f:2: limits: unknown key "vistors": did you mean "visitors"?`)
	f("log:\n  level: info\n  level: warn\n", `f:3: log: duplicate key "level": it is in line 2 already`)
	f(input+"json: {status: a, status: b}\n", `f:3: inputs[0].json: duplicate key "status": it is in line 3 already`)
	f("log:\n  ? [level]\n  : info\n", `f:2: log: expected a key, got a list`)
	f("other_sites:\n  goals:\n  - name: order\n", `f:3: other_sites.goals[0]: missing key "path": expected a path such as /thanks, /news/* or /admin/**`)

	// Values.
	f("log: info\n", `f:1: log: expected a mapping with the keys level, format, got "info"`)
	f("log:\n", ``)
	f("log: {level:}\n", `f:1: log: unknown key "level:": did you mean "level"?`)
	f("log: {level: }\n", `f:1: log.level: expected one of debug, info, warn, error, got nothing`)
	f("log: {level: [info]}\n", `f:1: log.level: expected one of debug, info, warn, error, got a list`)
	f("log: {format: text}\n", `f:1: log.format: expected one of logfmt, json, got "text"`)
	f("otlp: {enabled: yes}\n", `f:1: otlp.enabled: expected true or false, got "yes"`)
	f("visits: {window: soon}\n", `f:1: visits.window: expected a duration such as 30m, from 1m to 24h, got "soon"`)
	f("visits: {window: 30}\n", `f:1: visits.window: expected a duration such as 30m, from 1m to 24h, got "30"`)
	f("visits: {window: 25h}\n", `f:1: visits.window: expected a duration such as 30m, from 1m to 24h, got "25h"`)
	f("visits: {confirmation: true}\n", `f:1: visits.confirmation: expected one of auto, on, off, got "true"`)
	f("limits: {sites: many}\n", `f:1: limits.sites: expected a whole number, from 1 to 200, got "many"`)
	f("limits: {sites: 0}\n", `f:1: limits.sites: expected a whole number, from 1 to 200, got "0"`)
	f("limits: {sites: 201}\n", `f:1: limits.sites: expected a whole number, from 1 to 200, got "201"`)
	f("limits: {sites: 200, pages: 0, sections: 0}\n", ``)
	f("limits: {sites: 1.5}\n", `f:1: limits.sites: expected a whole number, from 1 to 200, got "1.5"`)
	f("privacy: {mask_digits: 3}\n", `f:1: privacy.mask_digits: expected a whole number, from 4 to 100, got "3"`)
	f("privacy: {mask_digits: 4}\n", ``)
	f("limits: {sites: 99999999999999999999}\n", `f:1: limits.sites: expected a whole number, from 1 to 200, got "99999999999999999999"`)

	f("sites: [{}]\nsites: [{hosts: [a.example]}]\n", `f:1: sites[0]: missing key "hosts": expected a list, each a host such as example.com`)

	// Inputs.
	f("inputs:\n- name: a\n", `f:2: inputs[0]: nothing to read: expected "files" with at least one, "stdin: true", or one of syslog, envoy_als, otlp, kafka`)
	f("inputs:\n-\n", `f:2: inputs[0]: expected a mapping with the keys name, files, stdin, syslog, envoy_als, otlp, kafka, format, escape, json, site, start_at, wrapping, got nothing`)
	f("inputs:\n- files: a.log\n", `f:2: inputs[0].files: expected a list, each a file such as /var/log/nginx/*.log, got "a.log"`)
	f("inputs:\n- files: ['a[']\n", `f:2: inputs[0].files[0]: bad glob "a[": a "[" without its "]", or "\" at the end (write \[ for the character itself)`)
	f("inputs:\n- files: ['-']\n", `f:2: inputs[0].files[0]: write "stdin: true" in place of "files", not "-", for standard input`)
	f(input+"stdin: true\n", `f:2: inputs[0]: "files" and "stdin": an input has one source, so make it as many inputs`)
	f("inputs:\n- stdin: true\n  start_at: end\n", `f:3: inputs[0].start_at: is for files and kafka, got "end" with stdin: other streams are read from where they are`)
	f("inputs:\n- stdin: true\n- stdin: true\n", `f:3: inputs[1].stdin: duplicate standard input "true": it is inputs[0].stdin in line 2 already`)
	f("inputs:\n- stdin: true\n  syslog: {listen: 'udp://:514'}\n  files: [a]\n", `f:2: inputs[0]: "files", "stdin" and "syslog": an input has one source, so make it as many inputs`)
	f(input+"start_at: start\n", `f:3: inputs[0].start_at: expected one of beginning, end, got "start"`)
	f(input+"name: x\n- files: [b]\n  name: x\n", `f:5: inputs[1].name: duplicate input "x": it is inputs[0].name in line 3 already`)
	f(input+"name: x\n- files: [b, a]\n", `f:4: inputs[1].files[1]: duplicate file "a": it is inputs[0].files[0] in line 2 already`)
	f(input+"name: (other)\n", `f:3: inputs[0].name: expected a name of at most 100 characters, printable, that does not begin with a bracket, got "(other)"`)
	f(input+"name: ''\n", `f:3: inputs[0].name: expected a name of at most 100 characters, got ""`)
	f(input+"site: shop\n", `f:3: inputs[0].site: unknown site "shop": there are none under sites`)
	f(input+"site: shp\n"+site+"name: shop\n", `f:3: inputs[0].site: unknown site "shp": did you mean "shop"?`)
	f(input+"site: shop\nsites: shop\n", `f:4: sites: expected a list of mappings with the keys name, hosts, entry_pages, sections, exclude, goals, got "shop"`)
	f(input+"escape: json\n", `f:3: inputs[0].escape: needs "format", got "json" alone: it says how that is escaped`)
	f(input+"json:\n    user_agnet: ua\n", `f:4: inputs[0].json.user_agnet: unknown field "user_agnet": did you mean "user_agent"?`)
	f(input+"json: {status: [a]}\n", `f:3: inputs[0].json.status: expected a text, got a list`)
	f(input+"format: caddy\n  json:\n    status: a\n    time: b..c\n", `f:6: inputs[0].json.time: the path "b..c" has an empty key`)
	f(input+"json:\n    status: a.b\n    client: a.b\n", `f:4: inputs[0].json.status: the path "a.b" is that of client already`)
	f(input+"format: combined\n  json:\n    status: a\n", `f:5: inputs[0].json: a mapping of JSON keys goes with formats such as json and caddy, and format is "combined"`)
	f(input+"format: nope\n  name: x\n- files: [b]\n  format: nope $x\n  name: x\n", `f:3: inputs[0].format: "nope" is neither a known format nor a definition: name a known format or give the proxy's own definition (nginx's log_format, Apache's LogFormat, HAProxy's log-format, Envoy's text_format, ...); known are `+strings.Join(accesslog.Names(), ", "))

	f(input+"wrapping: podman\n", `f:3: inputs[0].wrapping: expected one of none, cri, docker, got "podman"`)
	f(input+"wrapping: docker\n", ``)

	// What comes by the network.
	f(input+"syslog: {listen: 'udp://:514'}\n", `f:2: inputs[0]: "files" and "syslog": an input has one source, so make it as many inputs`)
	f("inputs:\n- kafka: {brokers: [a:1], topic: t}\n  otlp: {grpc: ':1'}\n", `f:2: inputs[0]: "otlp" and "kafka": an input has one source, so make it as many inputs`)
	f("inputs:\n- syslog: udp://:514\n", `f:2: inputs[0].syslog: expected a mapping with the keys listen, tls, max_connections, max_message, got "udp://:514"`)
	f("inputs:\n- syslog:\n", `f:2: inputs[0].syslog: expected a mapping with the keys listen, tls, max_connections, max_message, got nothing`)
	f("inputs:\n- syslog: {}\n", `f:2: inputs[0].syslog: missing key "listen": expected an address such as udp://127.0.0.1:5140, tcp://…, tls://… or unix:///run/darkshare.sock`)
	f("inputs:\n- syslog:\n    listen: 514\n", `f:3: inputs[0].syslog.listen: expected an address such as udp://127.0.0.1:5140, tcp://…, tls://… or unix:///run/darkshare.sock, got "514"`)
	f("inputs:\n- syslog: {listen: 'unix://s.sock'}\n", `f:2: inputs[0].syslog.listen: write the whole path, as in unix:///run/darkshare.sock, not "unix://s.sock"`)
	f("inputs:\n- syslog: {listen: 'udp://:514'}\n  wrapping: cri\n", `f:3: inputs[0].wrapping: is for files, got "cri" with syslog: only they are written by a container's runtime`)
	f("inputs:\n- syslog: {listen: 'tls://:6514'}\n", `f:2: inputs[0].syslog: missing key "tls": tls:// needs a certificate`)
	f("inputs:\n- syslog:\n    listen: tcp://:6514\n    tls: {cert_file: a, key_file: b}\n", `f:4: inputs[0].syslog.tls: is for tls://, and listen is "tcp://:6514"`)
	f("inputs:\n- syslog:\n    listen: tls://:6514\n    tls: {cert_file: a}\n", `f:4: inputs[0].syslog.tls: missing key "key_file": expected a file such as /etc/darkshare/cert.pem`)
	f("inputs:\n- syslog: {listen: 'tls://:6514', tls: {cert_file: a, key_file: b}, max_connections: 9}\n", ``)
	f("inputs:\n- syslog: {listen: 'udp://:514'}\n- syslog: {listen: 'udp://127.0.0.1:514'}\n  name: b\n", `f:3: inputs[1].syslog.listen: duplicate address "udp://127.0.0.1:514": it is inputs[0].syslog.listen in line 2 already, written "udp://:514"`)
	f("inputs:\n- kafka: {brokers: [a:1], topic: t}\n  start_at: beginning\n", ``)
	f("inputs:\n- envoy_als: {}\n- envoy_als: {listen: 0.0.0.0:9001}\n", ``)
	f("inputs:\n- envoy_als: {listen: 9001}\n", `f:2: inputs[0].envoy_als.listen: expected an address to listen on such as 127.0.0.1:9001, got "9001"`)
	f("inputs:\n- envoy_als: {listen: ':9001'}\n- otlp: {grpc: ':9001'}\n  name: b\n", `f:3: inputs[1].otlp.grpc: duplicate address ":9001": it is inputs[0].envoy_als.listen in line 2 already`)
	f("inputs:\n- otlp: {}\n", `f:2: inputs[0].otlp: expected "grpc" or "http", or both, with an address, got neither`)
	f("inputs:\n- otlp: {http: ':4318'}\n", ``)
	f("inputs:\n- kafka: {brokers: [], topic: t}\n", `f:2: inputs[0].kafka.brokers: expected at least one`)
	f("inputs:\n- kafka: {brokers: [kafka], topic: t}\n", `f:2: inputs[0].kafka.brokers[0]: expected a host with its port such as kafka.example.com:9092, got "kafka"`)
	f("inputs:\n- kafka: {brokers: [a:1]}\n", `f:2: inputs[0].kafka: missing key "topic": expected a text`)
	f("inputs:\n- kafka:\n    brokers: [a:1]\n    topic: t\n    tls: {cert_file: a}\n", `f:5: inputs[0].kafka.tls: missing key "key_file": "cert_file" goes with it`)
	f("inputs:\n- kafka: {brokers: [a:1], topic: t, tls: {}, sasl: {mechanism: plain, username: u, password_file: p}}\n", ``)
	f("inputs:\n- kafka: {brokers: [a:1], topic: t, sasl: {mechanism: PLAIN, username: u, password_file: p}}\n", `f:2: inputs[0].kafka.sasl.mechanism: expected one of plain, scram-sha-256, scram-sha-512, got "PLAIN"`)

	// Sites.
	f("sites:\n- name: shop\n", `f:2: sites[0]: missing key "hosts": expected a list, each a host such as example.com`)
	f("sites:\n- hosts: []\n", `f:2: sites[0].hosts: expected at least one`)
	f("sites:\n- hosts:\n", `f:2: sites[0].hosts: expected at least one`)
	f("sites:\n- hosts: [https://example.com/]\n", `f:2: sites[0].hosts[0]: write example.com, not "https://example.com/"`)
	f("sites:\n- hosts: ['example.com:8080']\n", `f:2: sites[0].hosts[0]: write example.com, not "example.com:8080"`)
	f("sites:\n- hosts: ['*.example.com']\n", `f:2: sites[0].hosts[0]: write example.com, not "*.example.com": subdomains are included`)
	f("sites:\n- hosts: [my site]\n", `f:2: sites[0].hosts[0]: expected a host such as example.com, got "my site"`)
	f("sites:\n- hosts: [co.uk]\n", `f:2: sites[0].hosts[0]: expected a host such as example.com, got "co.uk": sites register under that`)
	f("sites:\n- hosts: [a.example, A.example.]\n", `f:2: sites[0].hosts[1]: duplicate host "A.example.": it is sites[0].hosts[0] in line 2 already, written "a.example"`)
	f(site+"name: x\n- hosts: [b.example]\n  name: x\n", `f:5: sites[1].name: duplicate site "x": it is sites[0].name in line 3 already`)
	f(site+"entry_pages: [sale]\n", `f:3: sites[0].entry_pages[0]: write /sale, not "sale"`)
	f(site+"entry_pages: ['https://a.example/sale?x=1']\n", `f:3: sites[0].entry_pages[0]: write /sale, not "https://a.example/sale?x=1": pages are known without their query`)
	f(site+"exclude: ['/a b']\n", `f:3: sites[0].exclude[0]: expected a path as browsers send it (%20 for a space), got "/a b"`)
	f(site+"exclude: [/a, /a]\n", `f:3: sites[0].exclude[1]: duplicate path "/a": it is sites[0].exclude[0] in line 3 already`)
	f(site+"sections: ['/news/*']\n", `f:3: sites[0].sections[0]: expected the beginning of a path, such as /news/, without wildcards, got "/news/*"`)
	f(site+"goals: [{name: a, path: /a}, {name: a, path: /b}]\n", `f:3: sites[0].goals[1].name: duplicate goal "a": it is sites[0].goals[0].name in line 3 already`)
	f(site+"goals: ["+goals(33)+"]\n", `f:3: sites[0].goals[32]: "gxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" is one goal more than the 32 that a site can have`)
	f("limits: {sites: 1}\n"+site+"name: a\n- hosts: [b.example]\n", `f:5: sites[1]: "b.example" is one site more than limits.sites, which is 1`)

	// What an alias repeats, is a mistake where the alias is.
	f("sites:\n- &a\n  hosts: [a.example]\n- *a\n", `f:4: sites[1].hosts[0]: duplicate host "a.example": it is sites[0].hosts[0] in line 3 already`)
	f("sites:\n- &a\n  hosts: [a.example]\n- name: b\n  <<: *a\n", `f:5: sites[1].hosts[0]: duplicate host "a.example": it is sites[0].hosts[0] in line 3 already`)
	f("sites:\n- hosts: [&h a.example]\n- name: b\n  hosts:\n  - *h\n", `f:5: sites[1].hosts[0]: duplicate host "a.example": it is sites[0].hosts[0] in line 2 already`)
	f("sites:\n- &a\n  hosts: [a b]\n- *a\n", `f:3: sites[0].hosts[0]: expected a host such as example.com, got "a b"`)

	// Rules.
	f("rules: {hosts: [{host: android-app://com.example.chat, channel: ai}, {host: Example.*, channel: ai}]}\n", ``)
	f("rules: {hosts: [{host: 'android-app://', channel: ai}]}\n", `f:1: rules.hosts[0].host: expected an Android package such as android-app://com.example.chat, got "android-app://"`)
	f("rules: {hosts: [{host: '*.example.*', channel: ai}]}\n", `f:1: rules.hosts[0].host: expected a name under any suffix such as example.*, got "*.example.*"`)
	f("rules: {hosts: [{host: a.example, channel: dark}]}\n", `f:1: rules.hosts[0].channel: expected one of dark_social, direct, search, social, ai, email, paid, referral, unknown, got "dark"`)
	f("rules: {hosts: [{host: a.example, channel: ai, source: My App}]}\n", `f:1: rules.hosts[0].source: expected a name of small letters, digits and _, such as my_app, at most 40 of them, got "My App"`)
	f("rules: {hosts: [{host: a.example, channel: ai}, {host: a.example, channel: ai}]}\n", `f:1: rules.hosts[1].host: duplicate host "a.example": it is rules.hosts[0].host in line 1 already`)
	f("rules: {agents: [{contains: x, class: bot}]}\n", `f:1: rules.agents[0].contains: expected at least 3 characters, got "x": a shorter text is in most user agents`)
	f("rules: {agents: [{contains: ^ab$, class: bot}]}\n", `f:1: rules.agents[0].contains: expected at least 3 characters, got "^ab$": a shorter text is in most user agents`)
	f("rules: {agents: [{contains: "+strings.Repeat("x", 256)+", class: bot}]}\n", `f:1: rules.agents[0].contains: expected at most 255 characters, got "`+strings.Repeat("x", 61)+`"…`)
	f("rules: {agents: [{contains: foo, class: robot}]}\n", `f:1: rules.agents[0].class: expected one of bot, preview, in_app, mail, browser, got "robot"`)
	f("rules: {agents: [{contains: foo, class: preview}]}\n", `f:1: rules.agents[0]: missing key "app": class preview needs it`)
	f("rules: {agents: [{contains: foo, class: preview, app: foo, scope: all}]}\n", `f:1: rules.agents[0].scope: expected one of private, public, mixed, got "all"`)
	f("rules: {agents: [{contains: foo, class: bot, scope: public}]}\n", `f:1: rules.agents[0].scope: class bot has none, got "public": leave it out`)
	f("rules: {agents: [{contains: foo, class: bot}, {contains: FOO, class: bot}]}\n", `f:1: rules.agents[1].contains: duplicate text "FOO": it is rules.agents[0].contains in line 1 already, written "foo"`)
	f("rules: {tags: [{parameter: '?a=b', channel: paid}]}\n", `f:1: rules.tags[0].parameter: expected a query parameter's name alone, such as utm_source, got "?a=b"`)
	f("rules: {tags: [{parameter: a, channel: paid}, {parameter: a, channel: ai}]}\n", `f:1: rules.tags[1].parameter: duplicate tag "a": it is rules.tags[0].parameter in line 1 already`)
	f("rules: {tags: [{parameter: a, value: X, channel: paid}, {parameter: a, value: x, channel: ai}]}\n", `f:1: rules.tags[1].value: duplicate tag "x": it is rules.tags[0].value in line 1 already, written "X"`)
	f("rules: {tags: [{parameter: a, value: 1, channel: paid}, {parameter: a, channel: ai}]}\n", ``)
}

func goals(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("{name: g")
		b.WriteString(strings.Repeat("x", i))
		b.WriteString(", path: /g},")
	}
	return b.String()
}

// A mistake never hides another one: all that are in the file are in the error, by line.
func TestMistakesTogether(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Parse(filepath.Base(file), data)
		var all *Errors
		if !errors.As(err, &all) {
			t.Fatalf("%s: got %v, want *Errors", file, err)
		}
		golden(t, strings.TrimSuffix(file, ".yaml")+".txt", all.Error()+"\n")
	}
}

// A few lines of aliases of aliases must not stand for more than memory holds.
func TestAliasBomb(t *testing.T) {
	const list = `[{name: n, path: /p}`
	text := "sites:\n- hosts: [a.example]\n  goals: &g " + list + strings.Repeat(", {name: n, path: /p}", 1000) + "]\n"
	text = strings.Replace(text, "- hosts", "- &s\n  hosts", 1) + strings.Repeat("- *s\n", 1000)
	_, err := Parse("f", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "do aliases repeat aliases?") {
		t.Fatalf("got %.200v, want a complaint about aliases", err)
	}
}

func TestErrorsAreCut(t *testing.T) {
	_, err := Parse("f", []byte(strings.Repeat("x: 1\n", 250)))
	if got, want := strings.Count(err.Error(), "\n"), maxPrinted; got != want {
		t.Errorf("lines: got %d, want %d", got, want)
	}
	if want := "f: and 399 more mistakes"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got …%s, want %s", err.Error()[len(err.Error())-40:], want)
	}
}

func TestDistance(t *testing.T) {
	f := func(a, b string, want int) {
		t.Helper()
		if got := distance(a, b, 10); got != want {
			t.Errorf("%s, %s: got %d, want %d", a, b, got, want)
		}
	}
	f("", "", 0)
	f("", "ab", 2)
	f("inputs", "inputs", 0)
	f("inptus", "inputs", 1)
	f("input", "inputs", 1)
	f("inpits", "inputs", 1)
	f("window", "log", 5)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("a: &a [*a, {<<: *a}]\n---\n\t\xff\u2028"))
	f.Add([]byte("sites:\n- &s\n  <<: *s\n  hosts: [a.example]\n- <<: [*s, *s]\nlog: {level: \"in"))
	files, _ := filepath.Glob("testdata/mistakes/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		if err == nil {
			return
		}
		var all *Errors
		if !errors.As(err, &all) || len(all.Mistakes) == 0 {
			t.Fatalf("got %v, want *Errors", err)
		}
		lines := strings.Count(strings.TrimSuffix(string(data), "\n"), "\n") + 1
		for i, m := range all.Mistakes {
			if m.Line < 1 || m.Line > lines || m.Message == "" {
				t.Fatalf("mistake %d of a file of %d lines: %+v", i, lines, m)
			}
			if i > 0 && m.Line < all.Mistakes[i-1].Line {
				t.Fatalf("mistakes are not in order: %v", err)
			}
		}
	})
}
