select * exclude (display_name, email, batch_id, known_at, source_file, filename)
from bronze.accounts where known_at = (select max(known_at) from bronze.accounts)
qualify row_number() over (partition by account_id order by source_file desc) = 1
