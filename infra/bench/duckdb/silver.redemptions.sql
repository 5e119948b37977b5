select account_id, coupon_upc, campaign_id, redemption_date, min(known_at) as known_at
from bronze.redemptions group by all
