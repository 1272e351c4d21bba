// Command gpx_darksocial is the back end of darkshare's Grafana data source. Grafana
// starts it.
package main

import (
	"os"
	"runtime/debug"

	// Sentences tell times in the reader's zone, also where the system knows none.
	_ "time/tzdata"

	sdk "github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/darkshare/darkshare/plugin/pkg/datasource"
)

// pluginID is that of plugin.json.
const pluginID = "darkshare-darksocial-datasource"

// A dashboard asks twenty questions at once and is then silent for minutes, so collecting
// early frees nothing that anybody waits for; a fifth of the plugin's time went there. Up
// to the soft limit it collects less often.
const (
	heapGrowth = 400      // percent
	softLimit  = 72 << 20 // bytes
)

func main() {
	// What the administrator has set stands.
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(heapGrowth)
		debug.SetMemoryLimit(softLimit)
	}
	if err := sdk.Manage(pluginID, datasource.New, sdk.ManageOpts{}); err != nil {
		log.DefaultLogger.Error("the plugin cannot run", "error", err)
		os.Exit(1)
	}
}
