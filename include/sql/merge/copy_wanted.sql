-- COPY of the lines whose contents are needed: everything said anew, and what fills history.
copy (select line_no from found where verdict <> 'unchanged') to stdout with (format csv)
