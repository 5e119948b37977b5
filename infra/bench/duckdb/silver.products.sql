-- newest list only
with newest as (
    select * exclude (batch_id, known_at, source_file, filename) from bronze.products
    where known_at = (select max(known_at) from bronze.products)
    qualify row_number() over (partition by product_id order by source_file desc) = 1
),
cut as (
    select *, unnest(regexp_extract(
        upper(trim(regexp_replace(package_size, '\s+', ' ', 'g'))),
        '^(?:(\d{1,3}) *(?:PK|CT|P) *[/ ] *)?(?:(\d{1,4}(?:\.\d+)?|\.\d+)|(?:(\d{1,3}) +)?(1/2|[12]/3|[13]/4|[1357]/8))?[ -]*(FL OZ|STEMS|STEM|ROLL|OZS|LBS|GAL|LTR|CTS|OZ|LB|PT|QT|GA|ML|LT|GM|GR|KG|CT|PK|PC|EA|DZ|L|G)\.?(?: (?:BAG|BOX|BTL|CAN|NR|PET))?$',
        ['packs', 'number', 'whole', 'part', 'unit']))
    from newest
),
sized as (
    select * exclude (packs, number, whole, part, unit),
        coalesce(try_cast(packs as double), 1) * coalesce(
            try_cast(number as double),
            coalesce(try_cast(whole as double), 0)
                + try_cast(split_part(part, '/', 1) as double)
                / try_cast(split_part(part, '/', 2) as double),
            1) as amount,
        case when length(trim(package_size)) = 1 then null when unit in ('OZ', 'OZS', 'FL OZ') then 1
        when unit in ('LB', 'LBS', 'PT') then 16
        when unit in ('QT') then 32
        when unit in ('GAL', 'GA') then 128
        when unit in ('ML') then 1
        when unit in ('L', 'LT', 'LTR') then 1000
        when unit in ('G', 'GM', 'GR') then 1
        when unit in ('KG') then 1000
        when unit in ('CT', 'CTS', 'PK', 'PC', 'EA', 'STEM', 'STEMS', 'ROLL') then 1
        when unit in ('DZ') then 12 end as factor,
        case when length(trim(package_size)) = 1 then null when unit in ('OZ', 'OZS', 'FL OZ', 'LB', 'LBS', 'PT', 'QT', 'GAL', 'GA') then 'oz'
        when unit in ('ML', 'L', 'LT', 'LTR') then 'ml'
        when unit in ('G', 'GM', 'GR', 'KG') then 'g'
        when unit in ('CT', 'CTS', 'PK', 'PC', 'EA', 'STEM', 'STEMS', 'ROLL', 'DZ') then 'pieces' end as package_unit
    from cut
)
select * exclude (amount, factor), round(amount * factor, 4) as package_amount from sized
