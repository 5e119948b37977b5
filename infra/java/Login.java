package saleslakehouse;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import javax.security.sasl.AuthenticationException;
import org.apache.hive.service.auth.PasswdAuthenticationProvider;

/** Who may use the SQL port: one user, with the password that this process was started with. */
public class Login implements PasswdAuthenticationProvider {
    public void Authenticate(String user, String password) throws AuthenticationException {
        String wanted = System.getenv("SALES_SECRET_THRIFT_BI");
        if (wanted == null || !(same(user, "bi") & same(password, wanted))) {
            throw new AuthenticationException("wrong user or password; `make status` names both");
        }
    }

    /** In a time that does not tell how much of it was right. */
    private static boolean same(String told, String wanted) {
        return told != null
            && MessageDigest.isEqual(
                told.getBytes(StandardCharsets.UTF_8), wanted.getBytes(StandardCharsets.UTF_8));
    }
}
