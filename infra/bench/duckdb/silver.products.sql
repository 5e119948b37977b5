-- newest list only
select * exclude (batch_id, known_at, source_file, filename) from bronze.products
where known_at = (select max(known_at) from bronze.products)
qualify row_number() over (partition by product_id order by source_file desc) = 1
