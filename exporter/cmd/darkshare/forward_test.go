//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkshare/darkshare/exporter/simulate"
)

const (
	forwardTopic = "requests"
	forwardParts = 4
)

// A fleet is brokers, within the process, and the configurations of those that forward
// to them and those that count.
type fleet struct {
	t       *testing.T
	dir     string
	cluster *kfake.Cluster
	client  *kgo.Client
}

// fleetSites is what all of a fleet know. Confirmation does not depend on what was
// learned of the site.
const fleetSites = `
visits: {confirmation: "on"}
sites:
- hosts: [example.com]
  goals: [{name: home, path: /}, {name: article, path: "/*/*"}]
`

func newFleet(t *testing.T) *fleet {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(forwardParts, forwardTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	f := &fleet{t: t, dir: t.TempDir(), cluster: c, client: client}
	f.write("secret", "0123456789abcdef0123456789abcdef\n")
	return f
}

func (f *fleet) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// forwarder serves a log of that name, and forwards.
func (f *fleet) forwarder(name, more string) (log string, args []string) {
	log = f.write(name+".log", "")
	return log, []string{"--config", f.write(name+".yaml", fmt.Sprintf(`
inputs: [{files: [%s.log], format: combined, site: example.com, start_at: beginning}]
forward: {secret_file: secret, kafka: {brokers: [%q], topic: %s}}
%s%s`, name, f.cluster.ListenAddrs()[0], forwardTopic, fleetSites, more))}
}

// counter reads and counts what was forwarded.
func (f *fleet) counter(name, group, more string) []string {
	return []string{"--config", f.write(name+".yaml", fmt.Sprintf(`
inputs: [{kafka: {brokers: [%q], topic: %s, group: %s, instance: %s}, format: darkshare, start_at: beginning}]
%s%s`, f.cluster.ListenAddrs()[0], forwardTopic, group, name, fleetSites, more))}
}

// end returns how many records the topic has.
func (f *fleet) end() (n int64) {
	f.t.Helper()
	q := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = forwardTopic
	for i := range int32(forwardParts) {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = i, -1
		topic.Partitions = append(topic.Partitions, p)
	}
	q.Topics = append(q.Topics, topic)
	a, err := q.RequestWith(f.t.Context(), f.client)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, topic := range a.Topics {
		for _, p := range topic.Partitions {
			n += max(p.Offset, 0)
		}
	}
	return n
}

// records reads the topic.
func (f *fleet) records() []*kgo.Record {
	f.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.cluster.ListenAddrs()...), kgo.ConsumeTopics(forwardTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	ctx, stop := context.WithTimeout(f.t.Context(), patience)
	defer stop()
	var records []*kgo.Record
	for n := f.end(); int64(len(records)) < n; {
		if ctx.Err() != nil {
			f.t.Fatalf("%d of %d records", len(records), n)
		}
		records = append(records, client.PollFetches(ctx).Records()...)
	}
	return records
}

// series adds the counters of several darkshares up, by all their labels. What is learned
// of a site (which pages are typed, how WeChat's visits divide) may fall a little
// differently where several learn, or in another order, so it is not told apart.
func series(t *testing.T, served ...*serving) (sums map[string]float64, goals float64) {
	t.Helper()
	sums = map[string]float64{}
	for _, s := range served {
		_, body := s.get("/metrics")
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"visits", "unconfirmed_landings", "requests", "link_previews", "conversions"} {
			for _, m := range families["darkshare_"+name+"_total"].GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				switch {
				case labels["evidence"] == "deep_link", labels["evidence"] == "entry_page":
					labels["evidence"], labels["channel"] = "none", "dark or direct"
				case labels["source"] == "wechat":
					labels["channel"] = "WeChat's"
				case name == "conversions":
					// Which of a visitor's landings a goal belongs to, if any, is decided
					// when the landings are, and that may be in another order.
					goals += m.GetCounter().GetValue()
					continue
				case name == "unconfirmed_landings" && (labels["channel"] == "direct" || labels["channel"] == "dark_social"):
					labels["channel"] = "dark or direct"
				}
				key := []string{name}
				for k, v := range labels {
					key = append(key, k+"="+v)
				}
				sort.Strings(key[1:])
				sums[strings.Join(key, " ")] += m.GetCounter().GetValue()
			}
		}
	}
	for key, v := range sums {
		if v == 0 {
			delete(sums, key)
		}
	}
	return sums, goals
}

// cutLog cuts a log so that no visitor has a page after anything else in the same slice:
// what proxies do at the same time has no order.
func cutLog(log string) (cut [][]string) {
	var now []string
	seen := map[string]bool{}
	asset := regexp.MustCompile(`"[A-Z]+ [^" ]+\.(css|js|png|jpe?g|svg|webp|woff2?|ico|avif)[? ]`)
	for line := range strings.Lines(log) {
		client, _, _ := strings.Cut(line, " ")
		if seen[client] && strings.Contains(line, "Mozilla/5.0 (") && !asset.MatchString(line) {
			cut = append(cut, now)
			now = nil
			clear(seen)
		}
		seen[client] = true
		now = append(now, line)
	}
	return append(cut, now)
}

// TestForward: a log that three proxies have written, each a line in turn, comes by way
// of Kafka to one or two that count, and together they count what one does who reads the
// log itself: by all labels, and over a midnight.
func TestForward(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a quarter of a minute")
	}
	mix, err := simulate.MixByName("news")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err = simulate.Run(simulate.Options{
		Seed: 7, Start: time.Date(2026, 11, 10, 23, 30, 0, 0, time.UTC), Duration: time.Hour,
		Visits: 110, Bots: 0.2, Mix: mix, Site: simulate.Site{Host: "www.example.com"}, Format: simulate.Combined,
	}, &log); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(log.Bytes(), []byte("\n"))
	f := newFleet(t)
	direct := serve(t, "--config", f.write("direct.yaml", "inputs: [{files: [direct.log], format: combined, site: example.com, start_at: beginning}]"+fleetSites))
	f.write("direct.log", log.String())
	decided := func(served []*serving) func() bool {
		return func() bool {
			requests, pending := 0.0, 0.0
			for _, s := range served {
				sums := s.sums()
				requests += sums["darkshare_requests_total"]
				pending += sums["darkshare_pending_landings"]
			}
			return requests == float64(lines) && pending == 0
		}
	}
	direct.await("all to be counted directly", decided([]*serving{direct}))
	want, wantGoals := series(t, direct)
	direct.stop()

	var counting, forwarding []*serving
	for _, c := range []struct{ name, group string }{{"single", "one"}, {"first", "two"}, {"second", "two"}} {
		counting = append(counting, serve(t, f.counter(c.name, c.group, "")...))
	}
	single, both := counting[:1], counting[1:]
	var logs []*os.File
	for i := range 3 {
		path, args := f.forwarder(fmt.Sprint("edge", i), "")
		forwarding = append(forwarding, serve(t, args...))
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		logs = append(logs, file)
	}
	written := 0
	for _, slice := range cutLog(log.String()) {
		var parts [3]strings.Builder
		for _, line := range slice {
			parts[written%len(logs)].WriteString(line)
			written++
		}
		for i, part := range parts {
			if _, err := logs[i].WriteString(part.String()); err != nil {
				t.Fatal(err)
			}
		}
		single[0].await(fmt.Sprint(written, " records"), func() bool { return f.end() >= int64(written) })
	}
	for what, some := range map[string][]*serving{"one that counts": single, "two that count": both} {
		some[0].await("all to be counted", decided(some))
		got, goals := series(t, some...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -directly +forwarded:\n%s", what, diff)
		}
		if math.Abs(goals-wantGoals) > 2 || wantGoals < 20 {
			t.Errorf("%s: %v conversions, directly %v", what, goals, wantGoals)
		}
		for _, s := range some {
			if s.sums()["darkshare_requests_total"] == 0 {
				t.Errorf("%s: one had nothing to do", what)
			}
		}
	}
	forwarded := 0.0
	for _, s := range forwarding {
		sums := s.sums()
		forwarded += sums["darkshare_forwarded_records_total"]
		if n := sums["darkshare_log_lines_total"]; n != sums["darkshare_log_errors_total"]+sums["darkshare_forwarded_records_total"] ||
			sums["darkshare_requests_total"] != 0 || sums["darkshare_forward_pending_records"] != 0 || sums["darkshare_forward_up"] != 1 {
			t.Errorf("a forwarder says %v lines, %v errors, %v forwarded", n, sums["darkshare_log_errors_total"], sums["darkshare_forwarded_records_total"])
		}
	}
	if forwarded != float64(lines) {
		t.Errorf("%v forwarded of %d lines", forwarded, lines)
	}
	for _, s := range append(forwarding, counting...) {
		s.stop()
	}
}

// TestForwardIsAnonymous: nothing of whoever asked is in the topic, whatever they send.
func TestForwardIsAnonymous(t *testing.T) {
	f := newFleet(t)
	_, args := f.forwarder("edge", "")
	s := serve(t, args...)
	at := time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)
	secrets := []string{"192.0.2.123", "192.0.2", "SECRETUA", "secretquery", "secretmail", "secretuser", "secretpath", "secret-host", "c0ffee0123456789abcdef0123456789", "31337313373133731337"}
	var log strings.Builder
	n := 0
	for _, target := range []string{"/a", "/a?secretquery=1", "/u/secretmail@example.com/x", "/t/c0ffee0123456789abcdef0123456789", "/n/31337313373133731337", "/a.css?secretquery", "/api/x?secretquery", "/a%22%0a%00?secretquery"} {
		for _, referer := range []string{"-", "https://secret-host.example/secretpath?secretquery", "https://example.com/b?secretquery", "https://example.com/u/secretmail@example.com/?secretquery"} {
			for _, agent := range []string{strings.Replace(desktop, "x64;", "x64; SECRETUA;", 1), "WhatsApp/2.1 SECRETUA", "SECRETUA bot", "\x22},SECRETUA"} {
				log.WriteString(strings.Replace(line(at, "192.0.2.123", "GET "+target+" HTTP/1.1", 200, referer, agent), "- -", "- secretuser", 1))
				n++
			}
		}
	}
	f.write("edge.log", log.String())
	s.await("all to be forwarded", func() bool { return s.sums()["darkshare_forwarded_records_total"] == float64(n) })
	named := 0
	for _, r := range f.records() {
		for _, secret := range secrets {
			if strings.Contains(strings.ToLower(string(r.Key)+string(r.Value)), strings.ToLower(secret)) {
				t.Errorf("%s is in %s", secret, r.Value)
			}
		}
		if len(r.Headers) > 0 {
			t.Errorf("headers: %v", r.Headers)
		}
		if len(r.Key) > 0 {
			named++
		}
	}
	if named < n/3 {
		t.Errorf("%d of %d records have a visitor", named, n)
	}
	s.stop()
}

// TestForwardKilled: whoever forwards and whoever counts is killed again and again. What
// counts has then counted every record of the topic exactly once, and no line is missing
// from the topic.
func TestForwardKilled(t *testing.T) {
	const kills, each = 4, 3000
	f := newFleet(t)
	path, edge := f.forwarder("edge", "state: {file: edge.state, interval: 1s}\n")
	counter := f.counter("counter", "darkshare", "state: {file: counter.state, interval: 1s}\n")
	forwards, counts := serve(t, edge...), serve(t, counter...)
	log, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	written := 0
	write := func() {
		at := time.Now()
		for range each {
			if _, err := log.WriteString(line(at, fmt.Sprintf("198.51.100.%d", written%250), fmt.Sprintf("GET /n%d HTTP/1.1", written), 200, "-", desktop)); err != nil {
				t.Fatal(err)
			}
			written++
		}
	}
	for range kills {
		write()
		forwards.await("a part", func() bool { return f.end() > int64(written-each/2) })
		counts.kill()
		forwards.kill()
		forwards, counts = serve(t, edge...), serve(t, counter...)
	}
	write()
	forwards.await("all lines", func() bool { return forwards.sums()["darkshare_log_lines_total"] == float64(written) })
	if sums := forwards.sums(); sums["darkshare_forwarded_records_total"] != float64(written) {
		t.Errorf("%v forwarded of %d", sums["darkshare_forwarded_records_total"], written)
	}
	records := f.records()
	counts.await("all records", func() bool { return counts.sums()["darkshare_log_lines_total"] >= float64(len(records)) })
	time.Sleep(2 * time.Second) // for any that come twice
	counts.check(len(records))
	page := regexp.MustCompile(`"page":"/n(\d+)"`)
	times := map[string]int{}
	for _, r := range records {
		times[string(page.Find(r.Value))]++
	}
	if len(times) != written {
		t.Errorf("%d lines of %d are in the topic", len(times), written)
	}
	t.Logf("%d lines, %d records in the topic after %d kills of both", written, len(records), kills)
	// A clean end, and another start, repeat nothing.
	forwards.stop()
	counts.stop()
	forwards, counts = serve(t, edge...), serve(t, counter...)
	write()
	counts.await("what came after", func() bool { return counts.sums()["darkshare_log_lines_total"] >= float64(len(records)+each) })
	time.Sleep(time.Second)
	counts.check(len(records) + each)
	forwards.stop()
	counts.stop()
}

// TestForwardAway: without brokers nothing is lost, /metrics answers, the end is an end,
// and what was left is forwarded by the next run.
func TestForwardAway(t *testing.T) {
	f := newFleet(t)
	_, args := f.forwarder("edge", "state: {file: edge.state, interval: 1s}\n")
	port := 0
	if _, err := fmt.Sscanf(f.cluster.ListenAddrs()[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	f.client.Close()
	f.cluster.Close()
	s := serve(t, args...)
	f.write("edge.log", string(benchLog(t, 2000)))
	s.await("trouble", func() bool { return s.sums()["darkshare_forward_errors_total/reason=connection"] > 0 })
	if sums := s.sums(); sums["darkshare_forward_pending_records"] == 0 || sums["darkshare_log_lines_total"] != 0 || sums["darkshare_forward_up"] != 0 {
		t.Errorf("%v pending, %v lines, up %v", sums["darkshare_forward_pending_records"], sums["darkshare_log_lines_total"], sums["darkshare_forward_up"])
	}
	begun := time.Now()
	s.stop()
	if !strings.Contains(s.log.String(), "ended before Kafka had acknowledged all") {
		t.Errorf("it is not said what was left:\n%s", s.log)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.SeedTopics(forwardParts, forwardTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s = serve(t, args...)
	s.await("all", func() bool { return s.sums()["darkshare_log_lines_total"] == 2000 })
	if sums := s.sums(); sums["darkshare_forwarded_records_total"]+sums["darkshare_log_errors_total"] != 2000 {
		t.Errorf("%v forwarded, %v errors", sums["darkshare_forwarded_records_total"], sums["darkshare_log_errors_total"])
	}
	s.stop()
}
