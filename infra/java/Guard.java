package saleslakehouse;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Locale;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.analysis.UnresolvedFunction;
import org.apache.spark.sql.catalyst.analysis.UnresolvedNamespace;
import org.apache.spark.sql.catalyst.analysis.UnresolvedRelation;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableOrView;
import org.apache.spark.sql.catalyst.analysis.UnresolvedTableValuedFunction;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.parser.ParserInterface;
import org.apache.spark.sql.catalyst.plans.logical.Command;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.delta.catalog.DeltaTableV2;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.execution.datasources.LogicalRelation;
import org.apache.spark.sql.execution.datasources.v2.DataSourceV2Relation;
import org.apache.spark.sql.types.DataType;
import scala.Product;
import scala.collection.Iterable;
import scala.collection.Iterator;
import scala.collection.Iterator$;
import scala.collection.Seq;
import scala.runtime.AbstractFunction1;
import scala.runtime.AbstractFunction2;
import scala.runtime.BoxedUnit;

/**
 * What a BI session may ask: queries and descriptions of published tables, nothing else.
 *
 * A statement is looked at twice. As it was parsed, before anything of it is resolved or computed:
 * only the kinds of statement that Allowed lists, on names of published schemas. And as resolved:
 * every file that it would read lies in the folder of a published table.
 */
public class Guard extends AbstractFunction1 {
    /** The session that makes the tables known; every other one is somebody's login. */
    static volatile SparkSession trusted = null;

    public Object apply(Object extensions) {
        SparkSessionExtensions into = (SparkSessionExtensions) extensions;
        into.injectParser(new AbstractFunction2() {
            public Object apply(Object session, Object parser) {
                return guarded((SparkSession) session, (ParserInterface) parser);
            }
        });
        into.injectCheckRule(new AbstractFunction1() {
            public Object apply(final Object session) {
                return new AbstractFunction1() {
                    public Object apply(Object plan) {
                        if (session != trusted) {
                            checkResolved(plan, Published.roots((SparkSession) session));
                        }
                        return BoxedUnit.UNIT;
                    }
                };
            }
        });
        return BoxedUnit.UNIT;
    }

    /** A parser that gives out only what may be asked. */
    private static ParserInterface guarded(
            final SparkSession session, final ParserInterface parser) {
        InvocationHandler handler = new InvocationHandler() {
            public Object invoke(Object proxy, Method method, Object[] told) throws Throwable {
                Object parsed;
                try {
                    parsed = method.invoke(parser, told);
                } catch (InvocationTargetException error) {
                    throw error.getCause();
                }
                if (session != trusted && parsed instanceof LogicalPlan) {
                    checkParsed(parsed);
                }
                return parsed;
            }
        };
        ClassLoader loader = Guard.class.getClassLoader();
        Class[] kinds = new Class[] {ParserInterface.class};
        return (ParserInterface) Proxy.newProxyInstance(loader, kinds, handler);
    }

    private static void checkParsed(Object part) {
        if (part instanceof LogicalPlan && !Allowed.STATEMENTS.contains(kind(part))) {
            refuse("statements of the kind " + kind(part));
        } else if (part instanceof UnresolvedRelation) {
            UnresolvedRelation relation = (UnresolvedRelation) part;
            checkName(relation.multipartIdentifier(), 2);
            if (!relation.options().isEmpty() || relation.isStreaming()) {
                refuse("options of a table");
            }
            return;
        } else if (part instanceof UnresolvedTableOrView) {
            checkName(((UnresolvedTableOrView) part).multipartIdentifier(), 2);
        } else if (part instanceof UnresolvedNamespace) {
            checkName(((UnresolvedNamespace) part).multipartIdentifier(), 1);
        } else if (part instanceof UnresolvedTableValuedFunction) {
            Seq name = ((UnresolvedTableValuedFunction) part).name();
            if (name.size() != 1 || !Allowed.TABLE_FUNCTIONS.contains(lower(name.last()))) {
                refuse("the table function " + name.mkString("."));
            }
        } else if (part instanceof UnresolvedFunction) {
            Seq name = ((UnresolvedFunction) part).nameParts();
            checkFunction(name.size() == 1, (String) name.last());
        } else if (part instanceof FunctionIdentifier) {
            FunctionIdentifier name = (FunctionIdentifier) part;
            checkFunction(name.database().isEmpty() && name.catalog().isEmpty(), name.funcName());
        }
        checkExpression(part);
        Iterator parts = parts(part);
        while (parts.hasNext()) {
            checkParsed(parts.next());
        }
    }

    /** @param depth parts of a name without the catalog: schema and table, or schema alone */
    private static void checkName(Seq name, int depth) {
        Seq parts = name.size() == depth + 1 && Allowed.CATALOG.equals(lower(name.head()))
            ? (Seq) name.tail() : name;
        boolean isShort = parts.size() == depth - 1; // of the current schema; all schemas
        if (!isShort && (parts.size() != depth || !Allowed.SCHEMAS.contains(lower(parts.head())))) {
            refuse("the name " + name.mkString("."));
        }
    }

    private static void checkFunction(boolean isPlain, String name) {
        if (!isPlain || Allowed.NO_FUNCTIONS.contains(lower(name))) {
            refuse("the function " + name);
        }
    }

    private static void checkExpression(Object part) {
        if (part instanceof Expression && Allowed.NO_EXPRESSIONS.contains(kind(part))) {
            refuse("the expression " + kind(part));
        }
    }

    private static void checkResolved(Object part, String[] roots) {
        checkExpression(part);
        if (part instanceof LogicalRelation) {
            Object relation = ((LogicalRelation) part).relation();
            if (!(relation instanceof HadoopFsRelation)) {
                refuse("a source that is no folder of files");
            }
            Iterator read = ((HadoopFsRelation) relation).location().rootPaths().iterator();
            while (read.hasNext()) {
                checkPath((Path) read.next(), roots);
            }
            return;
        }
        if (part instanceof DataSourceV2Relation) {
            Object table = ((DataSourceV2Relation) part).table();
            if (!(table instanceof DeltaTableV2)) {
                refuse("a source that is no Delta table");
            }
            checkPath(((DeltaTableV2) table).path(), roots);
            return;
        }
        String kind = part == null ? "" : kind(part);
        if (part instanceof Command && !Allowed.COMMANDS.contains(kind)) {
            refuse("statements of the kind " + kind);
        }
        if (part instanceof LogicalPlan
            && (kind.startsWith("Script") || kind.startsWith("Hive") || kind.startsWith("Stream")
                || kind.startsWith("DataSource"))) {
            refuse("statements of the kind " + kind);
        }
        Iterator parts = parts(part);
        while (parts.hasNext()) {
            checkResolved(parts.next(), roots);
        }
    }

    private static void checkPath(Path path, String[] roots) {
        String place = Published.plain(path.toUri().toString()) + "/";
        for (int i = 0; i < roots.length; i++) {
            if (place.startsWith(roots[i] + "/")) {
                return;
            }
        }
        refuse("files outside the published tables");
    }

    /** What a node, a list or a pair consists of; nothing for anything else. */
    private static Iterator parts(Object part) {
        if (part instanceof Iterable) {
            return ((Iterable) part).iterator();
        }
        boolean isWhole = part instanceof DataType || !(part instanceof Product);
        return isWhole ? Iterator$.MODULE$.empty() : ((Product) part).productIterator();
    }

    private static void refuse(String what) {
        throw new SecurityException(
            "this login reads gold, scores, ops.freshness and ops.quality; it may not use " + what);
    }

    private static String kind(Object part) {
        String name = part.getClass().getName();
        int before = Math.max(name.lastIndexOf('.'), name.lastIndexOf('$', name.length() - 2));
        return name.substring(before + 1);
    }

    private static String lower(Object text) {
        return ((String) text).toLowerCase(Locale.ROOT);
    }
}
