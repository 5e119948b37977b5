package saleslakehouse;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** What a BI session may use, by the names of Spark's own classes and functions. */
class Allowed {
    static final String CATALOG = "spark_catalog";
    static final Set SCHEMAS = setOf("gold scores ops default");

    /** Parts of a statement as it was parsed: queries, and what a tool asks about tables. */
    static final Set STATEMENTS = setOf(
        "Aggregate Distinct Except Filter Generate GlobalLimit Intersect Join LateralJoin LimitAll"
        + " LocalLimit LocalRelation Offset OneRowRelation Pivot Project RelationTimeTravel Sample"
        + " Sort SubqueryAlias Union Unpivot UnresolvedHaving UnresolvedHint UnresolvedInlineTable"
        + " UnresolvedQualify UnresolvedRelation UnresolvedSubqueryColumnAliases"
        + " UnresolvedTVFAliases UnresolvedTableValuedFunction UnresolvedWith WithWindowDefinition"
        + " CurrentNamespace$ DescribeColumn DescribeNamespace DescribeRelation"
        + " SetCatalogAndNamespace ShowColumns ShowNamespaces ShowNamespacesCommand ShowTables"
        + " ShowViews UnresolvedNamespace UnresolvedTableOrView");

    /** The commands among them, as they are named when they were resolved. */
    static final Set COMMANDS = setOf(
        "DescribeColumn DescribeColumnCommand DescribeDatabaseCommand DescribeNamespace"
        + " DescribeRelation DescribeTableCommand SetCatalogAndNamespace SetNamespaceCommand"
        + " ShowColumns ShowColumnsCommand ShowDeltaTableColumnsCommand ShowNamespaces"
        + " ShowNamespacesCommand ShowTables ShowTablesCommand ShowViews ShowViewsCommand");

    static final Set TABLE_FUNCTIONS = setOf(
        "explode explode_outer inline inline_outer posexplode posexplode_outer range stack");

    /** They call any method of any Java class; all others that Spark brings may be used. */
    static final Set NO_FUNCTIONS = setOf("java_method reflect try_reflect");
    static final Set NO_EXPRESSIONS = setOf(
        "CallMethodViaReflection TryReflect ExpressionWithUnresolvedIdentifier PythonUDF");

    private static Set setOf(String words) {
        return new HashSet(Arrays.asList(words.split(" ")));
    }
}
