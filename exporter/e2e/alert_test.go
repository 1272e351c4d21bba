package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestAlertReachesPeople: readers whom WhatsApp sends come through nginx, and the alert on
// the dark share reaches a webhook, by way of darkshare, Prometheus and Alertmanager, with
// its labels and words.
func TestAlertReachesPeople(t *testing.T) {
	for _, name := range []string{"nginx", "prometheus", "promtool", "prometheus-alertmanager"} {
		program(t, name)
	}
	t.Run("file", alertReachesPeople) // by the way of that name on nginx's page
}

// A message is what Alertmanager posts
// (https://prometheus.io/docs/alerting/latest/configuration/#webhook_config).
type message struct {
	Status string
	Alerts []struct {
		Status              string
		Labels, Annotations map[string]string
	}
}

func alertReachesPeople(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "e2e")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })

	received := make(chan message, 10)
	webhook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
			return
		}
		received <- m
	}))
	t.Cleanup(webhook.Close)

	log := write(t, filepath.Join(dir, "access.log"), "")
	page := blocks(t, "nginx")
	s := &setting{t: t, dir: dir, listen: free(t), backend: upstream(t), block: func(name string) string {
		return strings.ReplaceAll(page[name], "/var/log/nginx/access.log", log)
	}}
	d := serve(t, nil, "--config", write(t, filepath.Join(dir, "darkshare.yaml"),
		"inputs:\n  - files: ["+log+"]\nsites:\n  - name: "+site+"\n    hosts: ["+site+"]\n"))
	nginx(s)
	prometheus := monitored(t, dir, d.addr, webhook.URL)
	listening(t, s.listen)

	// A usual quarter of an hour, a fifth of it private. It must be there before the shift.
	visit(t, s.listen, 0, 80, func(i int) bool { return i%5 == 0 })
	await(t, "the score of the usual is recorded", func() bool {
		return strings.Contains(query(t, prometheus, `sum_over_time((site:darkshare_visits:increase5m >= 35)[10s:1s])`), site) &&
			query(t, prometheus, `site:darkshare_dark_share:shift_score{window="1h15m"}`) != "[]"
	})
	if got := query(t, prometheus, `ALERTS or site:darkshare_dark_share:shifted != 0`); got != "[]" {
		t.Fatalf("already before anything has happened: %s", got)
	}

	// Two of three.
	visit(t, s.listen, 80, 300, func(i int) bool { return i%3 != 0 })
	select {
	case m := <-received:
		if len(m.Alerts) != 1 || m.Status != "firing" {
			t.Fatalf("%+v", m)
		}
		a := m.Alerts[0]
		for name, want := range map[string]string{"alertname": "DarkshareShareShifted", "site": site, "severity": "warning", "audience": "marketing"} {
			if a.Labels[name] != want {
				t.Errorf("label %s is %q, want %q", name, a.Labels[name], want)
			}
		}
		for name, want := range map[string]string{
			"summary":     `^The dark share of ` + regexp.QuoteMeta(site) + ` is unusually high \([1-4]\d(\.\d+)?% of the visits\)$`,
			"description": `^At this time of the week 20% of the visits are usually shared in private\.`,
			"dashboard":   `^/d/darkshare-shifts-en\?var-site=` + regexp.QuoteMeta(site) + `$`,
			"runbook_url": `^https://.*/docs/runbooks/traffic\.md#darkshareshareshifted$`,
		} {
			if !regexp.MustCompile(want).MatchString(a.Annotations[name]) {
				t.Errorf("%s is %q, want %s", name, a.Annotations[name], want)
			}
		}
	case <-time.After(patience):
		t.Fatalf("no alert; score %s, shifted %s", query(t, prometheus, `site:darkshare_dark_share:shift_score`), query(t, prometheus, `site:darkshare_dark_share:shifted`))
	}
}

// visit sends that many visitors through the proxy, from WhatsApp's web client or from a
// search engine.
func visit(t *testing.T, proxy string, first, visitors int, private func(visitor int) bool) {
	t.Helper()
	for i := first; i < first+visitors; i++ {
		from := "https://www.google.com/"
		if private(i) {
			from = "https://web.whatsapp.com/"
		}
		for _, r := range []request{
			{0, "/articles/one", desktop, referer(from) + navigation("cross-site"), ""},
			style(0, desktop, "/articles/one"),
		} {
			dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/200), byte(1+i%200))}}
			conn, err := dialer.Dial("tcp", proxy)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n%sConnection: close\r\n\r\n", r.target, site, r.agent, r.headers)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			conn.Close()
		}
	}
}

// monitored starts Prometheus on darkshare, with the project's rules and a past, and an
// Alertmanager that tells the webhook. It returns Prometheus's address.
//
// The rules are those of the files but for how often they are evaluated: nobody can wait
// for five minutes.
func monitored(t *testing.T, dir, target, webhook string) string {
	t.Helper()
	often := regexp.MustCompile(`(?m)^    interval: \w+$`)
	for _, name := range []string{"shift.yaml", "alerts.yaml"} {
		b, err := os.ReadFile(filepath.Join("../../dashboards/rules", name))
		if err != nil {
			t.Fatal(err)
		}
		if !often.Match(b) {
			t.Fatalf("%s has no interval", name)
		}
		write(t, filepath.Join(dir, name), often.ReplaceAllString(string(b), "    interval: 1s"))
	}
	data := filepath.Join(dir, "data")
	past := write(t, filepath.Join(dir, "past.txt"), evenPast(time.Now()))
	if out, err := exec.Command(program(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", past, data).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	manager, address := free(t), free(t)
	config := write(t, filepath.Join(dir, "alertmanager.yml"), fmt.Sprintf(`
route: {receiver: people, group_by: [alertname, site], group_wait: 1s}
receivers: [{name: people, webhook_configs: [{url: %q}]}]
`, webhook))
	run(t, nil, nil, program(t, "prometheus-alertmanager"), "--config.file="+config, "--storage.path="+filepath.Join(dir, "alertmanager"),
		"--web.listen-address="+manager, "--cluster.listen-address=")
	listening(t, manager)
	config = write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [shift.yaml, alerts.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs: [{job_name: darkshare, static_configs: [{targets: [%q]}]}]
`, manager, target))
	run(t, nil, nil, program(t, "prometheus"), "--config.file="+config, "--storage.tsdb.path="+data,
		"--storage.tsdb.retention.time=90d", "--web.listen-address="+address)
	await(t, "Prometheus is ready", func() bool {
		r, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	await(t, "darkshare is scraped", func() bool { return query(t, address, `up == 1`) != "[]" })
	return address
}

// evenPast is what the rules would have recorded of four weeks in which a fifth of the visits was
// private, as far as they look back to it; and of the last 70 minutes, in which 75 visits came
// in five minutes, 20.5 of them private. That is a little less than more than chance explains, so
// that the present decides.
func evenPast(now time.Time) string {
	var b strings.Builder
	begin := func(name string) { fmt.Fprintf(&b, "# TYPE %s gauge\n", name) }
	sample := func(name string, value float64, at time.Time) {
		fmt.Fprintf(&b, "%s{site=%q} %g %d\n", name, site, value, at.Unix())
	}
	// It is looked back to from any moment of the test.
	long := func(name string, value float64, ago ...time.Duration) {
		for _, a := range ago {
			for at := -10 * time.Minute; at <= 10*time.Minute; at += time.Minute {
				sample(name, value, now.Add(at-a))
			}
		}
	}
	lately := func(name string, value float64) {
		for ago := 85 * time.Minute; ago >= 3*time.Minute; ago -= time.Minute {
			sample(name, value, now.Add(-ago))
		}
	}
	const (
		day   = 24 * time.Hour
		week  = 7 * day
		wider = 147*time.Minute + 30*time.Second // that the weeks' windows end later
	)
	begin("site:darkshare_dark_share:around5h")
	long("site:darkshare_dark_share:around5h", 0.2, 4*week-wider, 3*week-wider, 2*week-wider, week-wider)
	for name, value := range map[string]float64{"visits:increase": 75, "dark_visits:increase": 20.5, "dark_visits:expected": 15, "dark_visits:excess": 5.5} {
		name = "site:darkshare_" + name
		begin(name + "5m")
		if value == 75 {
			long(name+"5m", value, 4*week+day, 3*week+day, 2*week+day, week+day)
		}
		lately(name+"5m", value)
		begin(name + "20m")
		lately(name+"20m", 4*value)
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// query returns the result of an instant query, as JSON.
func query(t *testing.T, address, expr string) string {
	t.Helper()
	r, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err.Error()
	}
	var answer struct {
		Error string
		Data  struct{ Result json.RawMessage }
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error != "" {
		return fmt.Sprint(err, answer.Error)
	}
	return string(answer.Data.Result)
}
