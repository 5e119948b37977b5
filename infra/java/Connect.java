package saleslakehouse;

import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.connect.service.SparkConnectService;

/**
 * Spark Connect whose sessions share one class loader: ours bring no classes of their own.
 *
 * Spark's own main class gives each session one, and what Spark compiles for a query is kept by
 * class loader: every build of every table compiled all its queries anew, and ran them uncompiled.
 */
public class Connect {
    public static void main(String[] none) throws InterruptedException {
        try {
            SparkSession session = SparkSession.builder().getOrCreate();
            SparkConnectService.start(session.sparkContext());
        } catch (Throwable error) {
            error.printStackTrace();
            System.exit(1);
        }
        Thread.currentThread().join();
    }
}
