package saleslakehouse;

import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hive.metastore.api.Database;
import org.apache.hadoop.hive.ql.metadata.AuthorizationException;
import org.apache.hadoop.hive.ql.metadata.Partition;
import org.apache.hadoop.hive.ql.metadata.Table;
import org.apache.hadoop.hive.ql.security.authorization.HiveAuthorizationProviderBase;
import org.apache.hadoop.hive.ql.security.authorization.Privilege;

/**
 * Stands where Hive's own rights would be: those need a metastore as soon as a driver asks for
 * tables or columns, and there is none. Spark asks nobody here; whoever would is refused.
 */
public class Unasked extends HiveAuthorizationProviderBase {
    public void init(Configuration conf) {
    }

    public void authorize(Privilege[] read, Privilege[] write) throws AuthorizationException {
        refuse();
    }

    public void authorize(Database of, Privilege[] read, Privilege[] write)
            throws AuthorizationException {
        refuse();
    }

    public void authorize(Table of, Privilege[] read, Privilege[] write)
            throws AuthorizationException {
        refuse();
    }

    public void authorize(Partition of, Privilege[] read, Privilege[] write)
            throws AuthorizationException {
        refuse();
    }

    public void authorize(
            Table of, Partition part, List columns, Privilege[] read, Privilege[] write)
            throws AuthorizationException {
        refuse();
    }

    private static void refuse() throws AuthorizationException {
        throw new AuthorizationException("Hive has no say here");
    }
}
