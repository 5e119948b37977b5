select department, min(business_date) as first_sale_date
from features.department_days group by department
