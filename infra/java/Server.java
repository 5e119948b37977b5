package saleslakehouse;

import java.util.Collections;
import org.apache.hadoop.hive.conf.HiveConf;
import org.apache.hive.service.CompositeService;
import org.apache.hive.service.cli.CLIService;
import org.apache.hive.service.cli.thrift.ThriftBinaryCLIService;
import org.apache.hive.service.rpc.thrift.TOpenSessionReq;
import org.apache.hive.service.rpc.thrift.TOpenSessionResp;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.hive.thriftserver.HiveThriftServer2;
import org.apache.spark.sql.hive.thriftserver.SparkSQLCLIService;
import org.apache.spark.sql.hive.thriftserver.ui.HiveThriftServer2EventManager;
import org.apache.thrift.TException;

/** Spark's SQL server for BI tools, with the published tables and behind the guard. */
public class Server extends CompositeService {
    Server(SparkSession session) {
        super("bi");
        SparkSQLCLIService asked = new SparkSQLCLIService(new HiveThriftServer2(session), session);
        addService(asked);
        addService(new Door(asked));
    }

    /**
     * Opens sessions without the settings that a client sends along: they would be put into the
     * JVM's system properties and the session's before any statement can be looked at.
     */
    static class Door extends ThriftBinaryCLIService {
        Door(CLIService asked) {
            super(asked);
        }

        public TOpenSessionResp OpenSession(TOpenSessionReq request) throws TException {
            request.setConfiguration(Collections.EMPTY_MAP);
            return super.OpenSession(request);
        }
    }

    public static void main(String[] none) {
        SparkSession session = SparkSession.builder().getOrCreate();
        Guard.trusted = session;
        Published published = new Published(session);
        published.look();
        HiveThriftServer2.eventManager_$eq(
            new HiveThriftServer2EventManager(session.sparkContext()));
        HiveConf conf = new HiveConf(session.sparkContext().hadoopConfiguration(), HiveConf.class);
        Server server = new Server(session);
        server.init(conf);
        server.start();
        published.start();
    }
}
