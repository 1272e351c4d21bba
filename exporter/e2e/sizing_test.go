//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSizing prints the tables of docs/operations.md: what darkshare takes of processor
// and memory at known rates, and for how many visitors. DARKSHARE_SIZING=1 runs it.
func TestSizing(t *testing.T) {
	if os.Getenv("DARKSHARE_SIZING") == "" {
		t.Skip("measures for minutes: set DARKSHARE_SIZING=1")
	}
	const settle, measure = 5 * time.Second, 15 * time.Second
	keeps := []struct{ name, conf string }{
		{"metrics only", ""},
		{"with state", "state: {file: %q}\n"},
		{"with store", "store: {dir: %q}\n"},
	}
	table := "\n| requests/s | keeps | CPU, of one core | CPU per 1,000 requests/s | memory |\n|---|---|---|---|---|\n"
	for _, rate := range []int{0, 100, 1000, 5000, 20_000} {
		for _, k := range keeps {
			dir := t.TempDir()
			log := newTraffic(t, filepath.Join(dir, "access.log"))
			more := k.conf
			if more != "" {
				more = fmt.Sprintf(more, filepath.Join(dir, "kept"))
			}
			p := begin(t, nil, "--config", configured(t, dir, log.path, more))
			log.flow(rate, settle, nil)
			before, begun := p.sums(), time.Now()
			scraped := begun
			log.flow(rate, measure, func(time.Duration) {
				if time.Since(scraped) >= 5*time.Second {
					scraped = time.Now()
					p.sums()
				}
			})
			p.holds(log.written)
			after := p.sums()
			cpu := 100 * (after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]) / time.Since(begun).Seconds()
			each := "–"
			if rate > 0 {
				each = fmt.Sprintf("%.2f %%", cpu*1000/float64(rate))
			}
			table += fmt.Sprintf("| %d | %s | %.2f %% | %s | %.0f MiB |\n", rate, k.name, cpu, each, after["process_resident_memory_bytes"]/(1<<20))
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	}
	t.Log(table)

	table = "\n| `limits.visitors` | remembered | memory |\n|---|---|---|\n"
	for _, visitors := range []int{10_000, 100_000, 1_000_000} {
		dir := t.TempDir()
		log := newTraffic(t, filepath.Join(dir, "access.log"))
		p := begin(t, nil, "--config", configured(t, dir, log.path, fmt.Sprintf("limits: {visitors: %d}\n", visitors)))
		for remembered := 0.0; remembered < 0.95*float64(visitors) && log.written < 10_000_000; {
			log.burst(50_000)
			if log.written%1_000_000 == 0 {
				log.rotate(2)
			}
			p.holds(log.written)
			remembered = p.sums()["darkshare_visitors"]
		}
		m := p.sums()
		table += fmt.Sprintf("| %d | %.0f | %.0f MiB |\n", visitors, m["darkshare_visitors"], m["process_resident_memory_bytes"]/(1<<20))
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
	t.Log(table)
}
