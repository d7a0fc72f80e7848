// Converts annotated CSV on stdin to line protocol on stdout by the code of influx write. Rows that it refuses are named
// on stderr.
package main

import (
	"io"
	"log"
	"os"

	"github.com/influxdata/influxdb/v2/pkg/csv2lp"
)

func main() {
	log.SetFlags(0)
	reader := csv2lp.CsvToLineProtocol(os.Stdin).SkipRowOnError(true)
	if _, err := io.Copy(os.Stdout, reader); err != nil {
		log.Fatal(err)
	}
}
