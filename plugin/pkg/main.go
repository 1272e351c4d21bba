// Command gpx_darksocial is the back end of darkshare's Grafana data source. Grafana
// starts it.
package main

import (
	"os"

	// Sentences tell times in the reader's zone, also where the system knows none.
	_ "time/tzdata"

	sdk "github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/darkshare/darkshare/plugin/pkg/datasource"
)

// pluginID is that of plugin.json.
const pluginID = "darkshare-darksocial-datasource"

func main() {
	if err := sdk.Manage(pluginID, datasource.New, sdk.ManageOpts{}); err != nil {
		log.DefaultLogger.Error("the plugin cannot run", "error", err)
		os.Exit(1)
	}
}
