package saleslakehouse;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Arrays;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Delta's log on S3, safe for several writers: S3 itself refuses the second of two commits of one
 * version (PUT with If-None-Match). Delta's own store looks first and writes then: of two writers
 * that look at the same time one loses its commit, and is told that it was written.
 */
public class ConditionalLogStore extends HadoopFileSystemLogStore {
    public ConditionalLogStore(Configuration configuration) {
        super(configuration);
    }

    public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration told)
            throws IOException {
        FileSystem files = path.getFileSystem(told);
        byte[] content = joined(actions);
        try {
            put(files, path, content, overwrite.booleanValue());
        } catch (IOException refused) {
            if (overwrite.booleanValue() || !files.exists(path)) {
                throw refused;
            }
            // a request that was sent again after its answer got lost meets what it had written
            if (!Arrays.equals(content, read(files, path))) {
                throw new FileAlreadyExistsException(path.toString());
            }
        }
    }

    public Boolean isPartialWriteVisible(Path path, Configuration told) {
        return Boolean.FALSE;
    }

    private static byte[] joined(Iterator actions) throws IOException {
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        while (actions.hasNext()) {
            lines.write((((String) actions.next()) + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return lines.toByteArray();
    }

    private static void put(FileSystem files, Path path, byte[] content, boolean overwrite)
            throws IOException {
        FSDataOutputStreamBuilder file = files.createFile(path);
        file.recursive();
        file.overwrite(true);
        if (!overwrite) {
            file.must("fs.option.create.conditional.overwrite", true);
        }
        FSDataOutputStream out = (FSDataOutputStream) file.build();
        try {
            out.write(content, 0, content.length);
        } catch (IOException failed) {
            // to close it would put half of a commit there
            out.abort();
            throw failed;
        }
        out.close();
    }

    private static byte[] read(FileSystem files, Path path) throws IOException {
        byte[] content = new byte[(int) files.getFileStatus(path).getLen()];
        FSDataInputStream in = files.open(path);
        try {
            in.readFully(0L, content);
        } finally {
            in.close();
        }
        return content;
    }
}
