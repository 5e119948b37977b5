package saleslakehouse;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The published tables: where they lie, and how they come to be known by name.
 *
 * The folders are the truth. Every few seconds each is looked at: one that has come, or has other
 * columns than before, is made known anew; nothing has to tell this process about it.
 */
class Published extends Thread {
    static final String LAKE = "spark.saleslakehouse.lake";
    static final String NAMES = "spark.saleslakehouse.published"; // with a space between
    private static final long SECONDS = 5;
    private static final Logger LOG = LoggerFactory.getLogger(Published.class);

    private final SparkSession session;
    private final Map columns = new HashMap(); // by name of a table that is known

    Published(SparkSession session) {
        super("published");
        setDaemon(true);
        this.session = session;
    }

    static String[] names(SparkSession session) {
        return session.sparkContext().getConf().get(NAMES).split(" ");
    }

    /** Folders of the published tables. */
    static String[] roots(SparkSession session) {
        String[] roots = names(session);
        for (int i = 0; i < roots.length; i++) {
            roots[i] = place(session, roots[i]);
        }
        return roots;
    }

    private static String place(SparkSession session, String name) {
        String lake = session.sparkContext().getConf().get(LAKE);
        return plain(lake + "/" + name.replace('.', '/'));
    }

    /** The same folder by the same words: /x is file:/x, and file:///x. */
    static String plain(String place) {
        return place.replaceFirst("^file:/+", "/");
    }

    /** Make known what has come or changed since the last look. */
    void look() {
        String[] names = names(session);
        for (int i = 0; i < names.length; i++) {
            try {
                know(names[i], place(session, names[i]));
            } catch (Exception error) {
                LOG.warn("{} cannot be read: {}", names[i], error.getMessage());
            }
        }
    }

    private void know(String name, String place) throws IOException {
        Configuration hadoop = session.sparkContext().hadoopConfiguration();
        Path log = new Path(place, "_delta_log");
        if (!log.getFileSystem(hadoop).exists(log)) {
            return;
        }
        String found = session.read().format("delta").load(place).schema().json();
        if (!found.equals(columns.get(name))) {
            session.sql("create database if not exists " + name.substring(0, name.indexOf('.')));
            session.sql("drop table if exists " + name);
            session.sql("create table " + name + " using delta location '" + place + "'");
            columns.put(name, found);
        }
    }

    public void run() {
        while (!isInterrupted()) {
            look();
            try {
                Thread.sleep(SECONDS * 1000);
            } catch (InterruptedException ended) {
                return;
            }
        }
    }
}
